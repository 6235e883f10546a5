import Foundation

/// Sound in -1..1: one array per channel, all of one length; the rate in Hz.
public struct Sound: Sendable {
    public static let maxSeconds = 600
    public let rate: Int
    public let channels: [[Float]]

    /// Values that are not finite become zero.
    ///
    /// - Throws: `AppError`: it is empty, too long, or has no rate.
    public init(rate: Int, channels: [[Float]]) throws {
        guard (1_000...400_000).contains(rate), (1...32).contains(channels.count) else {
            throw AppError(.decoder, "\(rate) Hz, \(channels.count) channels")
        }
        let samples = channels[0].count
        if samples == 0 { throw AppError(.empty) }
        if samples > Sound.maxSeconds * rate { throw AppError(.tooLong) }
        self.rate = rate
        self.channels = channels.map { channel in channel.map { $0.isFinite ? $0 : 0 } }
    }

    public var samples: Int { channels[0].count }
    public var seconds: Double { Double(samples) / Double(rate) }

    /// Returns one or two channels as they are, and more as their mean.
    func atMostStereo() throws -> Sound {
        if channels.count <= 2 { return self }
        let mean = (0..<samples).map { index in channels.reduce(0) { $0 + $1[index] } / Float(channels.count) }
        return try Sound(rate: rate, channels: [mean])
    }

    /// Returns this sound at another rate, by a windowed sinc that lets pass what both rates hold.
    func at(_ other: Int) throws -> Sound {
        if other == rate { return self }
        var filter = Polyphase(from: rate, to: other)
        return try Sound(rate: other, channels: channels.map { filter.run($0) })
    }

    /// Returns the largest absolute value of each of `count` parts of equal length.
    func peaks(_ count: Int) -> [Float] {
        (0..<count).map { part in
            let from = min(part * samples / count, samples - 1)
            let to = max(from + 1, (part + 1) * samples / count)
            return channels.map { channel in channel[from..<to].reduce(0) { max($0, abs($1)) } }.max() ?? 0
        }
    }
}

/// Resamples by `up` / `down`. Output n stands at input n * down / up.
private struct Polyphase {
    private static let zeroCrossings = 16.0
    private let up: Int
    private let down: Int
    private let cutoff: Double
    private let half: Int
    private var phases: [Int: [Float]] = [:]

    init(from rate: Int, to other: Int) {
        var (a, b) = (rate, other)
        while b != 0 { (a, b) = (b, a % b) }
        up = other / a
        down = rate / a
        cutoff = min(1, Double(up) / Double(down))
        half = Int((Polyphase.zeroCrossings / cutoff).rounded(.up))
    }

    mutating func run(_ input: [Float]) -> [Float] {
        let size = (input.count * up + down - 1) / down
        var result = [Float](repeating: 0, count: size)
        for n in 0..<size {
            let place = n * down
            let start = place / up - half + 1
            let phase = place % up
            let taps = phases[phase] ?? taps(Double(phase) / Double(up))
            phases[phase] = taps
            var sum: Float = 0
            for tap in max(0, -start)..<max(0, -start, min(taps.count, input.count - start)) {
                sum += taps[tap] * input[start + tap]
            }
            result[n] = sum
        }
        return result
    }

    /// The filter for a place `fraction` of a sample behind the middle. Its sum is 1, so that a constant stays.
    private func taps(_ fraction: Double) -> [Float] {
        let values = (0..<2 * half).map { tap -> Double in
            let x = Double(tap - half + 1) - fraction
            if abs(x) >= Double(half) { return 0 }
            let phase = Double.pi * cutoff * x
            return (0.5 + 0.5 * cos(Double.pi * x / Double(half))) * (abs(phase) < 1e-9 ? 1 : sin(phase) / phase)
        }
        let sum = values.reduce(0, +)
        return values.map { Float($0 / sum) }
    }
}
