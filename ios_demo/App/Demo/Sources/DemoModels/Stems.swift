/// A song and its stems, at the members' rate. One task writes stems while another one plays them.
public final class Stems: Sendable {
    public let mixture: Sound
    /// The names of the stems.
    public let names: [String]
    private let parts: Guarded<(ready: Int, sound: [[[Float]]])>

    init(_ mixture: Sound, _ names: [String]) {
        self.mixture = mixture
        self.names = names
        let silence = mixture.channels.map { [Float](repeating: 0, count: $0.count) }
        parts = Guarded((0, names.map { _ in silence }))
    }

    /// The samples that have stems. It never goes back: a song that is separated again keeps its older stems.
    public var ready: Int { parts.use { $0.ready } }

    /// Puts a block in place that begins at sample `start`, which may be negative. `[stem][channel][sample]`.
    func put(_ block: [[[Float]]], at start: Int) {
        let from = max(0, -start)
        let to = min(block[0][0].count, mixture.samples - start)
        if to <= from { return }
        parts.use { parts in
            for (stem, sound) in block.enumerated() {
                for (channel, values) in sound.enumerated() {
                    parts.sound[stem][channel].replaceSubrange(start + from..<start + to, with: values[from..<to])
                }
            }
            parts.ready = max(parts.ready, start + to)
        }
    }

    /// Calls `body` with the stems `[stem][channel][sample]` and the number of samples that are ready.
    func read<R>(_ body: (_ ready: Int, _ sound: [[[Float]]]) -> R) -> R { parts.use { body($0.ready, $0.sound) } }
}
