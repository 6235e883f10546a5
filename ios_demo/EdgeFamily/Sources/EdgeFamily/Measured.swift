import Foundation

/// The content of `perf.json`, as it is written; `edge_export/bundle/perf.py` says what each field means. `Perf` is the
/// part that the picker reads.
struct MeasuredPerf: Encodable {
    private(set) var schema = Manifest.schema
    let bundle: String
    let devices: [MeasuredDevice]
}

struct MeasuredDevice: Encodable {
    let device: String
    let facts: DeviceFacts
    let artifacts: [MeasuredArtifact]
}

struct MeasuredArtifact: Encodable {
    let member: String
    let artifact: String
    let outcome: Outcome
    let sha256: String
    let runtime: String
    let threads: Int
    private(set) var run = "app"
    let latency: MeasuredLatency?
    let peakMemoryBytes: Int?
    let reason: String

    /// Reads what the runner left of the items of one artifact: its rounds in order, and the one of its memory.
    init(_ items: [Item], _ results: URL) throws {
        var rounds: [MeasuredRound] = []
        var (outcome, reason, runtime, peak) = (Outcome.done, "", "", Int?.none)
        for item in items {
            let folder = results.appendingPathComponent("results/\(item.id)")
            let status = try Fields(try JSON.read(folder.appendingPathComponent(ItemStatus.file)), item.id)
            let ended: Outcome = try status.get("outcome")
            runtime = try status.get("runtime")
            if ended != .done {
                (outcome, reason) = (ended, try status.get("reason"))
            } else if item.mode == .memory {
                peak = try status.optional("peak_memory_bytes")
            } else {
                let samples = try Samples(
                    try JSON.read(folder.appendingPathComponent(ItemStatus.samplesFile)), item.id)
                rounds.append(MeasuredRound(samples, try status.get("before"), try status.get("after")))
            }
        }
        let first = items[0]
        member = first.member
        artifact = first.label
        self.outcome = outcome
        sha256 = first.artifact.sha256
        self.runtime = runtime
        threads = first.threads
        latency = rounds.isEmpty ? nil : MeasuredLatency(rounds, first.memberIo.stream)
        peakMemoryBytes = peak
        self.reason = reason
    }

    func row(engine: String) -> Benchmark.Row {
        let later = latency?.rounds.dropFirst().map(\.loadMs) ?? []
        return Benchmark.Row(
            member: member, artifact: artifact, engine: engine, firstLoadMs: latency?.rounds.first?.loadMs,
            loadMs: later.isEmpty ? nil : percentile(later, 50),
            medianMs: latency.map { percentile($0.roundMedianMs, 50) },
            p90Ms: latency?.roundP90Ms.max(), realTimeFactor: latency?.factor, noisy: latency?.noisy ?? false,
            peakMemoryBytes: peakMemoryBytes, reason: reason)
    }
}

struct MeasuredLatency: Encodable {
    let loadMs: Double
    let firstMs: Double
    let noisy: Bool
    let spread: Double
    let roundMedianMs: [Double]
    let roundP90Ms: [Double]
    let medianMs: OrNull
    /// No bootstrap is made on a phone.
    private(set) var interval = OrNull(value: nil)
    let p90Ms: OrNull
    let p99Ms: OrNull
    let worstMs: Double
    let realTimeFactor: Double?
    let worstRealTimeFactor: Double?
    let rounds: [MeasuredRound]
    /// The median divided by the duration of the audio, noisy or not.
    let factor: Double?

    private enum CodingKeys: CodingKey {
        case loadMs, firstMs, noisy, spread, roundMedianMs, roundP90Ms, medianMs, interval, p90Ms, p99Ms, worstMs
        case realTimeFactor, worstRealTimeFactor, rounds
    }

    init(_ rounds: [MeasuredRound], _ stream: Stream?) {
        let medians = rounds.map { percentile($0.callMs, 50) }
        let every = rounds.flatMap(\.callMs)
        let median = percentile(medians, 50)
        let worst = every.max() ?? 0
        let audioMs = stream.map { 1000 * Double($0.samples) / Double($0.sampleRate) }
        loadMs = percentile(rounds.map(\.loadMs), 50)
        firstMs = percentile(rounds.map(\.firstMs), 50)
        spread = (medians.max() ?? median) / (medians.min() ?? median) - 1
        noisy = spread > 0.1
        roundMedianMs = medians
        roundP90Ms = rounds.map { percentile($0.callMs, 90) }
        medianMs = OrNull(value: noisy ? nil : median)
        p90Ms = OrNull(value: noisy ? nil : percentile(every, 90))
        p99Ms = OrNull(value: noisy ? nil : percentile(every, 99))
        worstMs = worst
        factor = audioMs.map { median / $0 }
        realTimeFactor = noisy ? nil : factor
        worstRealTimeFactor = audioMs.map { worst / $0 }
        self.rounds = rounds
    }
}

struct MeasuredRound: Encodable {
    let loadMs: Double
    let firstMs: Double
    let warmUpCalls: Int
    let stable: Bool
    let callsPerSample: Int
    let samples: String
    let count: Int
    let before: JSON
    let after: JSON
    let callMs: [Double]

    private enum CodingKeys: CodingKey {
        case loadMs, firstMs, warmUpCalls, stable, callsPerSample, samples, count, before, after
    }

    init(_ measured: Samples, _ before: JSON, _ after: JSON) {
        loadMs = measured.loadMs
        firstMs = measured.firstMs
        warmUpCalls = measured.warmUpCalls
        stable = measured.stable
        callsPerSample = measured.callsPerSample
        samples = packed(measured.callMs)
        count = measured.callMs.count
        self.before = before
        self.after = after
        callMs = measured.callMs
    }
}

/// A number that is written as null where there is none; an optional would be left out.
struct OrNull: Encodable {
    let value: Double?

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value { try container.encode(value) } else { try container.encodeNil() }
    }
}

/// Returns a percentile, interpolated between the two values around it. There is at least one value.
func percentile(_ values: [Double], _ percent: Double) -> Double {
    let sorted = values.sorted()
    let place = percent / 100 * Double(sorted.count - 1)
    let low = sorted[Int(place)]
    let high = sorted[min(Int(place) + 1, sorted.count - 1)]
    return low + (place - place.rounded(.down)) * (high - low)
}

/// Returns times as `edge_export/bundle/series.py` packs them: base64 of zlib of whole nanoseconds.
func packed(_ milliseconds: [Double]) -> String {
    let text = milliseconds.map { "\(max(1, Int(($0 * 1e6).rounded())))" }.joined(separator: " ")
    return Data(zlib(Array(text.utf8))).base64EncodedString()
}

/// Returns bytes as a zlib stream of stored blocks (RFC 1950, RFC 1951): Foundation compresses on Apple's systems alone.
private func zlib(_ bytes: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01]
    var at = 0
    repeat {
        let end = min(at + Int(UInt16.max), bytes.count)
        let count = UInt16(end - at)
        stream.append(end == bytes.count ? 1 : 0)
        for word in [count, ~count] { stream += [UInt8(word & 0xFF), UInt8(word >> 8)] }
        stream += bytes[at..<end]
        at = end
    } while at < bytes.count
    var (low, high): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
        low = (low + UInt32(byte)) % 65_521
        high = (high + low) % 65_521
    }
    return stream + [UInt8(high >> 8), UInt8(high & 0xFF), UInt8(low >> 8), UInt8(low & 0xFF)]
}
