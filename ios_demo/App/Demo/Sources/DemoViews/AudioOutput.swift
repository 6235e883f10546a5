import AVFoundation
import DemoModels

/// Plays blocks one after another by an `AVAudioPlayerNode`, at the song's own rate.
///
/// `@unchecked Sendable`: one task at a time calls it; the node's threads touch the continuation alone.
final class AudioOutput: SoundOutput, @unchecked Sendable {
    private static let waitingBlocks = 3
    private let engine = AVAudioEngine()
    private let node = AVAudioPlayerNode()
    private var (played, hasPlayed) = AsyncStream<Void>.makeStream()
    private var format: AVAudioFormat?
    private var waiting = 0

    func start(rate: Int, channels: Int) throws {
        let session = AVAudioSession.sharedInstance()
        do {
            try session.setCategory(.playback)
            try session.setActive(true)
        } catch {
            throw AppError(.busy)
        }
        // A stream ends for good with a task that is cancelled while it waits.
        (played, hasPlayed) = AsyncStream<Void>.makeStream()
        waiting = 0
        format = AVAudioFormat(standardFormatWithSampleRate: Double(rate), channels: AVAudioChannelCount(channels))
        engine.attach(node)
        engine.connect(node, to: engine.mainMixerNode, format: format)
        try engine.start()
        node.play()
    }

    func write(_ block: [[Float]]) async throws {
        let frames = AVAudioFrameCount(block[0].count)
        guard let format, let buffer = AVAudioPCMBuffer(pcmFormat: format, frameCapacity: frames),
            let target = buffer.floatChannelData
        else { throw AppError(.busy) }
        buffer.frameLength = frames
        for (channel, values) in block.enumerated() { target[channel].update(from: values, count: values.count) }
        node.scheduleBuffer(buffer, completionCallbackType: .dataPlayedBack) { [hasPlayed] _ in hasPlayed.yield() }
        waiting += 1
        if waiting >= AudioOutput.waitingBlocks { await waitForOne() }
    }

    func finish() async {
        while waiting > 0 && !Task.isCancelled { await waitForOne() }
    }

    func stop() {
        // The blocks that wait are told as played.
        node.stop()
        engine.stop()
        engine.detach(node)
        try? AVAudioSession.sharedInstance().setActive(false, options: .notifyOthersOnDeactivation)
    }

    /// Returns when a block was played, or when the task is cancelled.
    private func waitForOne() async {
        for await _ in played { break }
        waiting -= 1
    }
}
