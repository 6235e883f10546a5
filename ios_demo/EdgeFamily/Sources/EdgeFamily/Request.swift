/// The content of `request.json`: what to run. The order of the items is that in which they run.
struct Request: Sendable {
    static let file = "request.json"
    let runId: String
    let items: [Item]
}

extension Request {
    /// - Throws: `FamilyError`: it is not valid, or of another version.
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("schema", "run_id", "bundle", "items")
        let schema: String = try fields.get("schema")
        let bundle: String = try fields.get("bundle")
        runId = try fields.get("run_id")
        items = try fields.get("items")
        var found: [String] = []
        if schema != Manifest.schema {
            found.append("schema is \(quoted(schema)), not \(Manifest.schema): use its runner")
        }
        if !isName(runId) { found.append("run_id is not a name") }
        if !isSHA256(bundle) { found.append("bundle is not a sha256") }
        if items.isEmpty { found.append("there are no items") }
        for (index, item) in items.enumerated() { found += item.problems("items[\(index)]") }
        if Set(items.map(\.id)).count < items.count { found.append("two items have the same id") }
        try refuse(found, place)
    }
}

enum Mode: String, Sendable, CaseIterable, FromJSON {
    case verify, bench, memory
}

/// How one artifact is timed: the longest warm-up, the steady state, the fewest samples.
struct BenchPlan: Sendable, FromJSON {
    var warmUpSeconds = 2.0
    var seconds = 1.0
    var minSamples = 20

    init() {}

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("warm_up_seconds", "seconds", "min_samples")
        warmUpSeconds = try fields.get("warm_up_seconds", or: warmUpSeconds)
        seconds = try fields.get("seconds", or: seconds)
        minSamples = try fields.get("min_samples", or: minSamples)
    }
}

/// One run of one artifact; `edge_export/devices/request.py` says what each field means.
struct Item: Sendable {
    let id: String
    let member: String
    let label: String
    let mode: Mode
    let format: String
    let artifact: Part
    let io: Io
    let memberIo: Io
    let inputs: Part
    let threads: Int
    let `repeat`: Bool
    let plan: BenchPlan?
    let timeoutS: Double

    func problems(_ place: String) -> [String] {
        var found = [("id", id), ("member", member), ("label", label), ("format", format)].filter { !isName($0.1) }
            .map { "\(place).\($0.0) \(quoted($0.1)) is not a name" }
        found += artifact.problems("\(place).artifact") + inputs.problems("\(place).inputs")
        found += io.problems("\(place).io") + memberIo.problems("\(place).member_io")
        found += memberIo.streamProblems("\(place).member_io")
        if !(1...64).contains(threads) { found.append("\(place).threads must be 1 to 64") }
        if !(timeoutS > 0 && timeoutS <= 86_400) { found.append("\(place).timeout_s must be up to 86400") }
        if let plan, !(0...60).contains(plan.warmUpSeconds) || !(plan.seconds > 0 && plan.seconds <= 60) {
            found.append("\(place).plan must last up to 60 s")
        }
        if let plan, !(1...100_000).contains(plan.minSamples) {
            found.append("\(place).plan.min_samples must be 1 to 100000")
        }
        return found
    }
}

extension Item: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only(
            "id", "member", "label", "mode", "format", "artifact", "io", "member_io", "inputs", "threads", "repeat",
            "plan",
            "timeout_s")
        id = try fields.get("id")
        member = try fields.get("member")
        label = try fields.get("label")
        mode = try fields.get("mode")
        format = try fields.get("format")
        artifact = try fields.get("artifact")
        io = try fields.get("io")
        memberIo = try fields.get("member_io")
        inputs = try fields.get("inputs")
        threads = try fields.get("threads", or: 1)
        `repeat` = try fields.get("repeat", or: false)
        plan = try fields.optional("plan")
        timeoutS = try fields.get("timeout_s", or: 600)
    }
}

/// What became of an item.
enum Outcome: String, Sendable, Encodable, CaseIterable, FromJSON {
    case done, failed, unsupported
}

/// The content of `status.json`. An item is final when it is written.
struct ItemStatus: Sendable, Encodable {
    static let file = "status.json"
    static let outputsFile = "outputs.safetensors"
    static let samplesFile = "samples.json"

    private(set) var schema = Manifest.schema
    let runId: String
    let item: String
    var outcome = Outcome.done
    var reason = ""
    var runtime = ""
    var outputs: Part?
    var samples: Part?
    var count = 0
    var loadSeconds = 0.0
    var seconds = 0.0
    var repeatable: Bool?
    var peakMemoryBytes: Int?
    var before: DeviceState?
    var after: DeviceState?

    init(runId: String, item: String) {
        self.runId = runId
        self.item = item
    }
}

/// The content of `samples.json`: the times of one bench item.
struct Samples: Sendable, Encodable {
    private(set) var schema = Manifest.schema
    let loadMs: Double
    let firstMs: Double
    let warmUpCalls: Int
    let stable: Bool
    let callsPerSample: Int
    let callMs: [Double]
}

extension Samples: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        loadMs = try fields.get("load_ms")
        firstMs = try fields.get("first_ms")
        warmUpCalls = try fields.get("warm_up_calls")
        stable = try fields.get("stable")
        callsPerSample = try fields.get("calls_per_sample")
        callMs = try fields.get("call_ms")
    }
}
