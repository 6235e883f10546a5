import Dispatch
import EdgeFamily

/// A member with its file, its threads and its engine, as the picker and the user chose it.
public struct Choice: Equatable, Sendable {
    public let member: String
    public let artifact: String
    public let threads: Int
    /// `DemoEngine.id`.
    public let engine: String
}

/// How far a separation is.
public struct Progress: Equatable, Sendable {
    public let choice: Choice
    public let calls: Int
    public let all: Int
    /// The computing time divided by the duration of the sound.
    public let realTimeFactor: Double
    /// The calls that took longer than their sound lasts: each would be heard.
    public let late: Int
}

/// Separates a song call by call, and goes over to another member in the middle of it when `wanted` changes.
final class Separation: Sendable {
    private static let tellEvery = 16
    let stems: Stems
    let wanted: Guarded<Choice>
    /// Loads a member; the stream owns it.
    let load: @Sendable (Choice) async throws -> LoadedMember
    /// Called now and then, and at the end.
    let tell: @MainActor @Sendable (Progress) -> Void
    private let cancelled = Guarded(false)

    init(
        _ stems: Stems, _ wanted: Guarded<Choice>, load: @escaping @Sendable (Choice) async throws -> LoadedMember,
        tell: @escaping @MainActor @Sendable (Progress) -> Void
    ) {
        self.stems = stems
        self.wanted = wanted
        self.load = load
        self.tell = tell
    }

    /// Ends `run` after the call that goes on.
    func cancel() { cancelled.use { $0 = true } }

    /// Runs to the end of the song, or until it is cancelled.
    func run() async throws {
        if cancelled.use({ $0 }) { return }
        let choice = wanted.use { $0 }
        let stream = try StemStream(try await load(choice), channels: stems.mixture.channels.count)
        do {
            try await run(stream, choice)
        } catch {
            await stream.close()
            throw error
        }
        await stream.close()
    }

    private func run(_ stream: StemStream, _ first: Choice) async throws {
        var choice = first
        let about = stream.stream
        let (size, samples) = (about.samples, stems.mixture.samples)
        let all = (samples + about.delay + size - 1) / size
        let callNs = 1e9 * Double(size) / Double(about.sampleRate)
        var (nanoseconds, late) = (0.0, 0)
        for call in 0..<all {
            if cancelled.use({ $0 }) { return }
            let now = wanted.use { $0 }
            let isChanged = now != choice
            if isChanged {
                choice = now
                await stream.switchTo { [load] in try await load(now) }
            }
            let block = stems.mixture.channels.map { channel -> [Float] in
                let part = channel[min(call * size, samples)..<min((call + 1) * size, samples)]
                return part + [Float](repeating: 0, count: size - part.count)
            }
            let start = DispatchTime.now().uptimeNanoseconds
            let result = try await stream.push(block)
            let took = Double(DispatchTime.now().uptimeNanoseconds - start)
            nanoseconds += took
            // A change loads a member, which is no hop.
            if took > callNs && !isChanged { late += 1 }
            stems.put(result, at: call * size - about.delay)
            if call % Separation.tellEvery == 0 || call == all - 1 {
                let factor = nanoseconds / (callNs * Double(call + 1))
                await tell(Progress(choice: choice, calls: call + 1, all: all, realTimeFactor: factor, late: late))
            }
        }
    }
}
