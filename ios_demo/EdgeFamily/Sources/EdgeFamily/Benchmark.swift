import Foundation

/// Times all members of a family on this device with the `Runner`, as `edge_export bench` does.
///
/// The inputs are made up: an app has no goldens, and a time does not depend on them. No member may be loaded while it
/// runs. It holds nothing between two calls of `run`.
public struct Benchmark: Sendable {
    /// How long it measures: each artifact so many rounds, each with a load, a warm-up and a steady state.
    public struct Plan: Sendable {
        public var rounds = 3
        public var warmUpSeconds = 1.0
        public var seconds = 0.5

        public init() {}
    }

    /// What was measured of one artifact in one engine.
    public struct Row: Equatable, Sendable {
        public let member: String
        public let artifact: String
        /// The name that `run` was given.
        public let engine: String
        /// The load of the first round in ms, in which an engine may compile the file and make it ready for the device.
        public let firstLoadMs: Double?
        /// The median of the later loads in ms.
        public let loadMs: Double?
        /// The median of the steady state in ms a call. Nil with a `reason`: it does not run.
        public let medianMs: Double?
        /// The 90th percentile of the slowest round.
        public let p90Ms: Double?
        /// The median divided by the duration of the call's audio. Nil: it does not stream.
        public let realTimeFactor: Double?
        /// Whether the rounds disagree by more than 10 %.
        public let noisy: Bool
        public let peakMemoryBytes: Int?
        public let reason: String
    }

    /// The rows, and the same as the content of a `perf.json` of the bundle that the family is, or was taken from.
    public struct Result: Sendable {
        public let rows: [Row]
        public let perf: Data
    }

    private static let calls = 64  // of a stream, which repeats
    private let family: Family
    private let facts: DeviceFacts
    private let state: @Sendable () -> DeviceState

    /// - Parameters:
    ///   - facts: What is known of this device; the benchmark adds the engines and the states.
    ///   - state: What may slow the device down now.
    public init(
        _ family: Family, _ facts: DeviceFacts, state: @escaping @Sendable () -> DeviceState = { ThisDevice.state() }
    ) {
        self.family = family
        self.facts = facts
        self.state = state
    }

    /// Measures every artifact that passed in every engine of its format, one engine after another.
    ///
    /// - Parameters:
    ///   - engines: Their names are unique, and stand in `perf.json` behind the device's.
    ///   - scratch: An empty folder for what the runner leaves.
    ///   - tell: Called with the engine when an item starts and when it ends.
    /// - Throws: `FamilyError`: no artifact runs in these engines, an engine hangs, or `scratch` can't be written.
    public func run(
        _ engines: [(name: String, loader: any EngineLoader)], scratch: URL, threads: Int = 1, plan: Plan = Plan(),
        tell: @escaping @Sendable (_ engine: String, Runner.Event) -> Void = { _, _ in }
    ) async throws -> Result {
        let formats = Set(engines.map(\.loader.format))
        let runnable = family.manifest.members.flatMap { member in
            member.artifacts.filter { $0.status == .passed && formats.contains($0.format) }.map { (member, $0) }
        }
        try demand(!runnable.isEmpty, "no artifact of this family runs in \(formats.sorted().joined(separator: ", "))")
        var inputs: [String: Part] = [:]
        for (member, _) in runnable where inputs[member.name] == nil {
            inputs[member.name] = try madeUp(member, scratch)
        }
        let sources = Runner.Sources(artifacts: family.folder, inputs: scratch)
        let bundle = try family.wholeBundle
        var rows: [Row] = []
        var devices: [MeasuredDevice] = []
        for (name, loader) in engines {
            let each = runnable.filter { $0.1.format == loader.format }.compactMap { member, artifact in
                self.items(member, artifact, inputs[member.name], threads, plan)
            }
            if each.isEmpty { continue }
            // Round by round: what slows the device down for a while slows all artifacts alike.
            let items = each[0].indices.flatMap { round in each.map { $0[round] } }
            let results = scratch.appendingPathComponent(Benchmark.plain(name))
            try translated("\(results.path) can't be made") {
                try FileManager.default.createDirectory(at: results, withIntermediateDirectories: true)
            }
            var own = facts
            own.runtimes = [loader.format: (try? await loader.version()) ?? loader.format]
            let request = Request(runId: "app", items: items)
            guard
                let told = try await Runner([loader], own, state: state).run(
                    request, sources, results: results, tell: { tell(name, $0) })
            else { throw FamilyError.invalid("an engine hangs: end the app and start it again") }
            let groups = Dictionary(grouping: items) { [$0.member, $0.label] }
            let measured = try runnable.compactMap { member, artifact in
                try groups[[member.name, artifact.label]].map { try MeasuredArtifact($0, results) }
            }
            rows += measured.map { $0.row(engine: name) }
            devices.append(MeasuredDevice(device: Benchmark.device(told.model, name), facts: told, artifacts: measured))
        }
        return Result(rows: rows, perf: try encoded(MeasuredPerf(bundle: bundle, devices: devices)))
    }

    /// "app:iPhone16-1:cpu": what `perf.json` takes as the name of a device.
    private static func device(_ model: String, _ engine: String) -> String { "app:\(plain(model)):\(plain(engine))" }

    /// Returns a name in ASCII letters, digits and "-".
    static func plain(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.prefix(80))
    }

    /// Returns the rounds of an artifact, and the item of its memory. Nil: it has no file.
    private func items(
        _ member: Member, _ artifact: Artifact, _ inputs: Part?, _ threads: Int, _ plan: Plan
    ) -> [Item]? {
        guard let file = artifact.file, let io = artifact.io, let inputs else { return nil }
        var bench = BenchPlan()
        bench.warmUpSeconds = plan.warmUpSeconds
        bench.seconds = plan.seconds
        let modes = (0..<plan.rounds).map { ("\($0)", Mode.bench) } + [("memory", .memory)]
        return modes.map { name, mode in
            Item(
                id: String("\(member.name)-\(artifact.label)".prefix(100)) + "-\(name)", member: member.name,
                label: artifact.label, mode: mode, format: artifact.format, artifact: file, io: io, memberIo: member.io,
                inputs: inputs, threads: threads, repeat: false, plan: mode == .bench ? bench : nil, timeoutS: 600)
        }
    }

    /// Writes made-up inputs of a member.
    private func madeUp(_ member: Member, _ folder: URL) throws -> Part {
        let sinks = Set(member.io.state.map(\.sink))
        var tensors: [String: Tensor] = [:]
        for spec in member.io.inputs where !sinks.contains(spec.name) {
            var shape = spec.shape
            if member.io.stream != nil, let last = shape.popLast() { shape.append(last * Benchmark.calls) }
            let zeros = try Tensor(zeros: spec.dtype, shape)
            let wave = (0..<zeros.count).map { Float(0.4 * sin(2 * Double.pi * Double($0) / 73)) }
            tensors[spec.name] = spec.dtype == .float32 ? try Tensor(shape, wave) : zeros
        }
        let name = "inputs-\(member.name).safetensors"
        try writeWhole(folder.appendingPathComponent(name), try Safetensors.content(tensors))
        return try Part.of(folder, name)
    }
}
