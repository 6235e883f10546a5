import Foundation

/// The part of a bundle's `perf.json` that the picker reads: how fast each artifact is on each device.
public struct Perf: Sendable {
    let bundle: String
    let devices: [DevicePerf]

    /// What a bundle that was never timed has.
    init() {
        bundle = ""
        devices = []
    }

    /// - Throws: `FamilyError`: it is not valid.
    public init(parsing text: Data, from place: String = "perf.json") throws {
        try self.init(try JSON.parse([UInt8](text), place), place)
    }

    init(bundle: String, devices: [DevicePerf]) {
        self.bundle = bundle
        self.devices = devices
    }

    /// Returns what a `Benchmark` measured with the engine that it calls `engine`.
    public func of(_ engine: String) -> Perf {
        Perf(bundle: bundle, devices: devices.filter { $0.device.hasSuffix(":\(Benchmark.plain(engine))") })
    }

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        bundle = try fields.get("bundle", or: "")
        devices = try fields.get("devices", or: [])
        try refuse(devices.flatMap { device in device.artifacts.flatMap { $0.problems(device.device) } }, place)
    }
}

struct DevicePerf: Sendable, FromJSON {
    let device: String
    let facts: DeviceFacts
    let artifacts: [ArtifactPerf]

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        device = try fields.get("device")
        facts = try fields.get("facts")
        artifacts = try fields.get("artifacts")
    }
}

struct ArtifactPerf: Sendable, FromJSON {
    let member: String
    let artifact: String
    let threads: Int
    let latency: Latency?
    let peakMemoryBytes: Int?

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        member = try fields.get("member")
        artifact = try fields.get("artifact")
        threads = try fields.get("threads")
        latency = try fields.optional("latency")
        peakMemoryBytes = try fields.optional("peak_memory_bytes")
    }

    /// The time of a call in ms; nil: it was not timed. Where rounds disagree, the worst one counts.
    var timeMs: Double? { latency.flatMap { $0.p90Ms ?? $0.roundP90Ms.max() } }

    func problems(_ device: String) -> [String] {
        var found: [String] = []
        if !(1...64).contains(threads) { found.append("\(device): \(member) has \(threads) threads") }
        if let latency {
            if latency.roundP90Ms.isEmpty { found.append("\(device): \(member) has no rounds") }
            if (latency.roundP90Ms + [latency.p90Ms ?? 0]).contains(where: { $0 < 0 }) {
                found.append("\(device): a time of \(member) is negative")
            }
        }
        if let peakMemoryBytes, peakMemoryBytes < 0 { found.append("\(device): a peak of \(member) is negative") }
        return found
    }
}

struct Latency: Sendable, FromJSON {
    let p90Ms: Double?
    let roundP90Ms: [Double]

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        p90Ms = try fields.nullable("p90_ms")
        roundP90Ms = try fields.get("round_p90_ms")
    }
}
