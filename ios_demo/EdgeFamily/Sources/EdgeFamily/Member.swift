/// One fixed network of the family.
public struct Member: Sendable {
    public let name: String
    /// The text that names its configuration on the command line.
    public let config: String
    /// Its inputs and outputs. Those of an artifact may differ in names and layouts.
    public let io: Io
    /// The latency of its stream in ms, without computing time.
    public let latencyMs: Double?
    public let params: Int
    /// Multiply-accumulate operations of a call.
    public let macs: Int
    /// The size of its weights and constants in float32; nil: a bundle of an earlier version.
    let weightBytes: Int?
    let peakActivationBytes: Int
    /// The mother's task metric at that configuration.
    public let metric: Double?
    public let artifacts: [Artifact]
    private let others: [(name: String, file: Part)]

    /// - Throws: `FamilyError`: there is no such artifact. `label` is format-backend-precision.
    public func artifact(_ label: String) throws -> Artifact {
        if let found = artifacts.first(where: { $0.label == label }) { return found }
        throw FamilyError.invalid("\(name) has no artifact \(quoted(label)): it has \(artifacts.map(\.label))")
    }

    func problems(_ place: String) -> [String] {
        var found: [String] = []
        if !isName(name) { found.append("\(place).name is not a name") }
        found += io.problems("\(place).io") + io.streamProblems("\(place).io")
        if min(params, macs, weightBytes ?? 0, peakActivationBytes) < 0 { found.append("\(place): a count is negative") }
        for (name, file) in others { found += file.problems("\(place).\(name)") }
        for (index, artifact) in artifacts.enumerated() { found += artifact.problems("\(place).artifacts[\(index)]") }
        if Set(artifacts.map(\.label)).count < artifacts.count {
            found.append("\(place) has two artifacts of one label")
        }
        return found
    }
}

extension Member: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only(
            "name", "config", "options", "io", "latency_ms", "params", "macs", "weight_bytes",
            "peak_activation_bytes", "calibration_batches", "tolerance", "folded", "refused", "golden", "extremes", "sounds", "metric",
            "variant",
            "artifacts")
        name = try fields.get("name")
        config = try fields.get("config")
        io = try fields.get("io")
        latencyMs = try fields.optional("latency_ms")
        params = try fields.get("params")
        macs = try fields.get("macs")
        weightBytes = try fields.optional("weight_bytes")
        peakActivationBytes = try fields.get("peak_activation_bytes")
        metric = try fields.nullable("metric")
        artifacts = try fields.get("artifacts")
        let sounds: [Part] = try fields.get("sounds", or: [])
        others =
            [("golden", try fields.get("golden")), ("extremes", try fields.get("extremes"))]
            + sounds.map { ("sounds", $0) }
        // What the build did and the verifier needs; an app reads none of it.
        for count in ["calibration_batches", "folded"] {
            try demand(try fields.get(count) >= 0, "\(place).\(count) is negative")
        }
        for record in ["tolerance", "refused"] { _ = try fields.get(record) as JSON }
    }
}

/// Whether an artifact agreed with the mother.
public enum Status: String, Sendable, CaseIterable, FromJSON {
    case passed, failed, unverified, error
}

/// One compiled file: member × format × backend × precision.
public struct Artifact: Sendable {
    public let format: String
    public let backend: String
    public let precision: String
    /// The compiled file or package. Nil: it did not compile.
    public let file: Part?
    /// Its inputs and outputs, in its own names and layouts.
    public let io: Io?
    /// The versions of its runtime that it is for. Nil: that is not known of its format.
    let runsIn: RunsIn?
    public let status: Status
    /// The reason of its status.
    public let reason: String

    /// format-backend-precision.
    public var label: String { "\(format)-\(backend)-\(precision)" }

    func problems(_ place: String) -> [String] {
        var found = [format, backend, precision].filter { !isName($0) }.map { "\(place): \(quoted($0)) is not a name" }
        found += file?.problems("\(place).file") ?? []
        found += io?.problems("\(place).io") ?? []
        return found
    }
}

extension Artifact: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only(
            "format", "backend", "precision", "scheme", "attempts", "file", "io", "notes", "runs_in", "size_ratio",
            "tolerance", "status", "reason")
        format = try fields.get("format")
        backend = try fields.get("backend")
        precision = try fields.get("precision")
        file = try fields.nullable("file")
        io = try fields.nullable("io")
        runsIn = try fields.optional("runs_in")
        status = try fields.get("status")
        reason = try fields.get("reason")
        _ = try fields.get("tolerance") as JSON
    }
}

/// Which versions of its format's runtime an artifact is for, as measured.
struct RunsIn: Equatable, Sendable, FromJSON {
    /// The oldest version that runs it, such as "TensorFlow Lite 2.16.1".
    let runsFrom: String
    /// The oldest version that is not much slower than the newest. Empty: nobody has measured that.
    let fullSpeedFrom: String

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("runs_from", "full_speed_from")
        runsFrom = try fields.get("runs_from")
        fullSpeedFrom = try fields.get("full_speed_from", or: "")
    }
}
