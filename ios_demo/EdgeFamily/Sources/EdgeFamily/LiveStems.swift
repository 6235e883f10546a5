/// Live sound through a `StemStream`: interleaved samples in and out, in pieces of any size.
///
/// Three threads at most: one calls `offer` (the recorder), one `process`, one `take` for all stems (the player). None
/// waits for another. Sample n of a stem belongs to sample n that was offered; it is there `Stream.latencyMs` later.
public final class LiveStems: Sendable {
    private let stream: StemStream
    private let channels: Int
    private let sound: RingBuffer
    private let stems: [RingBuffer]
    private let late: Locked<Int>

    /// - Parameters:
    ///   - stream: Not owned: close it when `process` is not called any more.
    ///   - channels: The channels of the sound, as those of `stream`.
    ///   - seconds: The sound that the buffers hold.
    public init(_ stream: StemStream, channels: Int, seconds: Double = 1) {
        let about = stream.stream
        let capacity = channels * max(2 * about.samples, Int(seconds * Double(about.sampleRate)))
        self.stream = stream
        self.channels = channels
        sound = RingBuffer(capacity: capacity)
        stems = about.stems.map { _ in RingBuffer(capacity: capacity) }
        late = Locked(about.delay)
    }

    /// Takes interleaved samples, as many as fit, whole frames only. Returns the number of values taken.
    public func offer(_ samples: UnsafeBufferPointer<Float>) -> Int {
        let count = min(samples.count, sound.free) / channels * channels
        return sound.write(UnsafeBufferPointer(rebasing: samples[..<count]))
    }

    /// Runs all calls for which there is sound, and room for the stems.
    ///
    /// - Returns: The number of calls.
    /// - Throws: `FamilyError`: the engine failed in a call.
    public func process() async throws -> Int {
        let size = channels * stream.stream.samples
        var calls = 0
        while sound.available >= size && stems.allSatisfy({ $0.free >= size }) {
            var values = [Float](repeating: 0, count: size)
            _ = values.withUnsafeMutableBufferPointer { sound.read(into: $0) }
            let block = (0..<channels).map { channel in
                stride(from: channel, to: size, by: channels).map { values[$0] }
            }
            give(try await stream.push(block))
            calls += 1
        }
        return calls
    }

    /// Gives interleaved samples of stem number `stem`, as many as there are. Returns the number of values.
    public func take(_ stem: Int, into target: UnsafeMutableBufferPointer<Float>) -> Int {
        stems[stem].read(into: target)
    }

    private func give(_ block: [[[Float]]]) {
        let size = stream.stream.samples
        let start = late.use { late in
            let start = min(late, size)
            late -= start
            return start
        }
        for (ring, sound) in zip(stems, block) {
            let values = (start..<size).flatMap { sample in sound.map { $0[sample] } }
            _ = values.withUnsafeBufferPointer { ring.write($0) }
        }
    }
}
