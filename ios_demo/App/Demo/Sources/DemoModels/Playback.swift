/// What is heard: the mixture in the middle of the cross-fader, the first stem at -1, all other stems at 1.
///
/// The screen sets the fader and the position; the player's task calls `render`.
public final class Playback: Sendable {
    public let stems: Stems
    private let heard = Guarded<(position: Int, fader: Float, gains: [Float]?)>((0, 0, nil))

    init(_ stems: Stems) { self.stems = stems }

    public var fader: Float {
        get { heard.use { $0.fader } }
        set { heard.use { $0.fader = min(max(newValue, -1), 1) } }
    }

    /// The next sample.
    public var position: Int {
        get { heard.use { $0.position } }
        set { heard.use { $0.position = min(max(newValue, 0), stems.mixture.samples) } }
    }

    var isAtEnd: Bool { position >= stems.mixture.samples }

    /// Renders the next samples. Gains move over the whole block, so that nothing clicks.
    ///
    /// - Returns: `[channel][sample]`: fewer than `frames` at the end of the song or of what is separated.
    func render(_ frames: Int) -> [[Float]] {
        heard.use { heard in
            stems.read { ready, sound in
                let (from, to) = (heard.position, min(heard.position + frames, ready))
                let after = gains(heard.fader)
                let before = heard.gains ?? after
                if to <= from { return stems.mixture.channels.map { _ in [] } }
                let sources = [stems.mixture.channels] + sound
                let count = Float(to - from)
                let result = stems.mixture.channels.indices.map { channel in
                    (from..<to).map { sample in
                        let share = Float(sample - from + 1) / count
                        return sources.indices.reduce(Float(0)) { sum, source in
                            let gain = before[source] + (after[source] - before[source]) * share
                            return gain == 0 ? sum : sum + gain * sources[source][channel][sample]
                        }
                    }
                }
                heard.gains = after
                heard.position = to
                return result
            }
        }
    }

    /// The gains of the mixture and of each stem.
    private func gains(_ fader: Float) -> [Float] {
        [1 - abs(fader), max(0, -fader)] + [Float](repeating: max(0, fader), count: stems.names.count - 1)
    }
}
