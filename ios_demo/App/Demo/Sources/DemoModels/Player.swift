/// Where sound goes. One task at a time calls it.
public protocol SoundOutput: Sendable {
    /// - Throws: `AppError`: another app holds the sound, or there is no output.
    func start(rate: Int, channels: Int) throws

    /// Takes `[channel][sample]`, and returns when there is room for the next block.
    func write(_ block: [[Float]]) async throws

    /// Returns when all that was written is heard.
    func finish() async

    /// Stops at once. It may be called twice.
    func stop()
}

/// Plays a song through an output, one at a time.
@MainActor
final class Player {
    private let output: any SoundOutput
    private var playing: Task<Void, Never>?

    init(_ output: any SoundOutput) { self.output = output }

    /// Starts.
    ///
    /// - Parameters:
    ///   - moved: Called when the position has moved.
    ///   - ended: Called at the song's end or with a failure, but not after `stop`.
    func start(
        _ playback: Playback, moved: @escaping @MainActor @Sendable () -> Void,
        ended: @escaping @MainActor @Sendable ((any Error)?) -> Void
    ) {
        stop()
        let (output, before) = (output, playing)
        playing = Task.detached {
            await before?.value
            var fault: (any Error)?
            do {
                try await Player.play(playback, output, moved)
            } catch {
                fault = error
            }
            output.stop()
            let cause = fault
            if !Task.isCancelled { await ended(cause) }
        }
    }

    func stop() { playing?.cancel() }

    private nonisolated static func play(
        _ playback: Playback, _ output: any SoundOutput, _ moved: @MainActor @Sendable () -> Void
    ) async throws {
        if Task.isCancelled { return }
        let sound = playback.stems.mixture
        try output.start(rate: sound.rate, channels: sound.channels.count)
        while !Task.isCancelled && !playback.isAtEnd {
            let block = playback.render(frames)
            if block[0].isEmpty {
                try await Task.sleep(nanoseconds: waitNs)
                continue
            }
            try await output.write(block)
            await moved()
        }
        if !Task.isCancelled { await output.finish() }
    }
}

private let frames = 1024
private let waitNs: UInt64 = 20_000_000
