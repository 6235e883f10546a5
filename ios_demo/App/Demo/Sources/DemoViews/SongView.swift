import DemoModels
import SwiftUI
import UniformTypeIdentifiers

/// A song that is separated while it is heard.
struct SongView: View {
    @Bindable var model: SongModel
    @State private var isChoosing = false

    var body: some View {
        VStack(alignment: .leading, spacing: 16) {
            Text(model.title).font(.headline)
            WaveformView(model: model).frame(height: 96)
            Text(model.status).font(.subheadline)
            VStack {
                HStack {
                    Text("Vocals")
                    Spacer()
                    Text("Mixture")
                    Spacer()
                    Text("Accompaniment")
                }
                .font(.caption).accessibilityHidden(true)
                Slider(value: $model.fader, in: -1...1)
                    .accessibilityLabel("Cross-fader: vocals, mixture, accompaniment")
            }
            Button(model.isPlaying ? "Pause" : "Play") { model.toggle() }
                .buttonStyle(.borderedProminent).disabled(model.song == nil)
            if model.isGivenUp { Button("Go on") { model.goOn() }.buttonStyle(.bordered) }
            Button("Choose a song") { isChoosing = true }.buttonStyle(.bordered)
            if model.hasBundledSong { Button("Bundled song") { model.openBundled() }.buttonStyle(.bordered) }
        }
        .fileImporter(isPresented: $isChoosing, allowedContentTypes: [.audio]) { model.opened($0) }
    }
}

/// The peaks of a song, what is separated of it, and the place that is heard. A touch goes there.
struct WaveformView: View {
    let model: SongModel

    var body: some View {
        GeometryReader { proxy in
            Canvas { context, size in draw(context, size) }
                .gesture(
                    DragGesture(minimumDistance: 0).onChanged { model.seek($0.location.x / proxy.size.width) })
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel("Waveform of the song. Touch it to go there.")
        .accessibilityValue(model.title)
        .accessibilityAdjustableAction { direction in
            model.seek(model.place + (direction == .increment ? 0.05 : -0.05))
        }
    }

    private func draw(_ context: GraphicsContext, _ size: CGSize) {
        guard let peaks = model.song?.peaks else { return }
        let width = size.width / Double(peaks.count)
        for (index, peak) in peaks.enumerated() {
            let height = max(2, Double(peak) * size.height)
            let bar = CGRect(
                x: Double(index) * width, y: (size.height - height) / 2, width: max(1, 0.7 * width), height: height)
            let isReady = Double(index) < model.readyShare * Double(peaks.count)
            context.fill(Path(bar), with: .color(isReady ? .accentColor : .secondary))
        }
        let mark = CGRect(x: model.place * size.width - 1, y: 0, width: 2, height: size.height)
        context.fill(Path(mark), with: .color(.primary))
    }
}
