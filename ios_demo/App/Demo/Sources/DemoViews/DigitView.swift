import DemoModels
import SwiftUI

/// A field to draw a digit in, and how sure the member is of each label.
struct DigitView: View {
    let model: DigitModel

    var body: some View {
        VStack(alignment: .leading, spacing: 16) {
            field.aspectRatio(1, contentMode: .fit).frame(maxWidth: 360)
                .background(Color.secondary.opacity(0.15))
                .accessibilityElement(children: .ignore)
                .accessibilityLabel("Field to draw a digit in with the finger")
                .accessibilityAddTraits(.allowsDirectInteraction)
            Button("Clear") { model.clear() }.buttonStyle(.bordered)
            Text(model.title).font(.title2)
            ForEach(0..<(model.reading?.labels.count ?? 0), id: \.self) { ShareRow(model: model, index: $0) }
        }
    }

    private var field: some View {
        GeometryReader { proxy in
            Canvas { context, size in draw(context, size) }
                .gesture(
                    DragGesture(minimumDistance: 0)
                        .onChanged {
                            model.draw(
                                Ink.Point($0.location.x / proxy.size.width, $0.location.y / proxy.size.height))
                        }
                        .onEnded { _ in model.endStroke() })
        }
    }

    private func draw(_ context: GraphicsContext, _ size: CGSize) {
        let style = StrokeStyle(lineWidth: size.width / 14, lineCap: .round, lineJoin: .round)
        for stroke in model.ink.strokes {
            var path = Path()
            for (index, point) in stroke.enumerated() {
                let place = CGPoint(x: point.x * size.width, y: point.y * size.height)
                if index == 0 { path.move(to: place) }
                path.addLine(to: place)
            }
            context.stroke(path, with: .color(.primary), style: style)
        }
    }
}

/// A label and how sure the member is of it.
struct ShareRow: View {
    let model: DigitModel
    let index: Int

    var body: some View {
        let words = model.words(index)
        HStack {
            Text(words.label)
            ProgressView(value: Double(model.reading?.shares[index] ?? 0))
            Text(words.percent).monospacedDigit()
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel("\(words.label): \(words.percent)")
    }
}
