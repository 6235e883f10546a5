import Foundation

private let sampleSeconds = 0.001  // clocks are too coarse for a single call of less
private let windowSeconds = 0.1
private let stableShare = 0.02  // the warm-up ends when the medians of two windows in a row differ by less
private let maxSamples = 1_000_000
private let maxCalls = 64  // recorded calls that a bench repeats
private let memoryCalls = 5

/// One item, ready to run: its loader, and its recorded inputs in the member's names and layouts.
struct Job: Sendable {
    let item: Item
    let samples: [String: Tensor]
    let count: Int
    let load: @Sendable () async throws -> LoadedMember

    /// Runs all recorded inputs and leaves the outputs in `staged`. Returns what it adds to the status.
    func verify(_ staged: URL, _ status: ItemStatus) async throws -> ItemStatus {
        var status = status
        let start = now()
        let member = try await load()
        let loaded = now()
        let outputs = try await runAll(member)
        status.seconds = now() - loaded
        status.loadSeconds = loaded - start
        status.count = count
        let content = try Safetensors.content(outputs)
        try written(content, staged.appendingPathComponent(ItemStatus.outputsFile))
        status.outputs = Part(path: ItemStatus.outputsFile, sha256: SHA256.hex(content), bytes: content.count)
        if item.repeat { status.repeatable = try await runAll(try await load()) == outputs }
        return status
    }

    private func runAll(_ member: LoadedMember) async throws -> [String: Tensor] {
        defer { member.close() }
        let io = item.memberIo
        guard let stream = io.stream else { return try await callEach(member.call, io, samples, count) }
        guard let recordings = samples[io.inputs[0].name] else {
            throw FamilyError.invalid("the first input of a stream is its sound: it can't be fed back")
        }
        return try await streamEach(member.call, io, stream, recordings)
    }

    /// Times one artifact: loads it, calls it once, warms it up, samples the steady state.
    func bench(_ staged: URL, _ status: ItemStatus) async throws -> ItemStatus {
        var status = status
        let plan = item.plan ?? BenchPlan()
        let start = now()
        let member = try await load()
        defer { member.close() }
        let loaded = now()
        let calls = try Calls(self, member)
        let ready = now()
        try await calls.next()
        let first = now()
        var warmUp = 0
        var each: [Double] = []
        while warmUp < 3 || (now() - first < 0.02 && warmUp < 1000) {
            each.append(try await timed { try await calls.next() })
            warmUp += 1
        }
        // One late call of a stream is heard, and a mean would hide it.
        let many = max(1, Int((sampleSeconds / median(each)).rounded(.up)))
        let perSample = item.memberIo.stream != nil ? 1 : many
        func sample() async throws -> Double {
            1000 * (try await timed { for _ in 0..<perSample { try await calls.next() } }) / Double(perSample)
        }
        var stable = false
        var before: Double?
        while !stable && now() - first < plan.warmUpSeconds {
            var window: [Double] = []
            let began = now()
            while now() - began < windowSeconds || window.count < 3 { window.append(try await sample()) }
            warmUp += window.count * perSample
            let median = median(window)
            stable = before.map { abs(median - $0) < stableShare * $0 } ?? false
            before = median
        }
        var times: [Double] = []
        let began = now()
        while times.count < plan.minSamples || (now() - began < plan.seconds && times.count < maxSamples) {
            times.append(try await sample())
        }
        let samples = Samples(
            loadMs: 1000 * (loaded - start), firstMs: 1000 * (first - ready), warmUpCalls: warmUp, stable: stable,
            callsPerSample: perSample, callMs: times)
        let content = try encoded(samples)
        try written(content, staged.appendingPathComponent(ItemStatus.samplesFile))
        status.samples = Part(path: ItemStatus.samplesFile, sha256: SHA256.hex(content), bytes: content.count)
        status.count = calls.count
        status.loadSeconds = loaded - start
        status.seconds = now() - loaded
        return status
    }

    /// Loads an artifact, calls it a few times, and reports the peak of this process's memory above what it held before.
    func memory(_ status: ItemStatus) async throws -> ItemStatus {
        var status = status
        ThisDevice.resetPeak()
        let before = ThisDevice.memory()
        let start = now()
        let member = try await load()
        defer { member.close() }
        let loaded = now()
        let calls = try Calls(self, member)
        for _ in 0..<memoryCalls { try await calls.next() }
        if let before, let after = ThisDevice.memory() { status.peakMemoryBytes = max(0, after.peak - before.now) }
        status.count = calls.count
        status.loadSeconds = loaded - start
        status.seconds = now() - loaded
        return status
    }
}

/// Repeats the recorded calls of an item, in the file's own names and layouts, with state that is fed back.
private final class Calls {
    private let io: Io
    private let member: LoadedMember
    private let inputs: [[String: Tensor]]
    private var state: [String: Tensor]
    private var index = 0

    var count: Int { inputs.count }

    init(_ job: Job, _ member: LoadedMember) throws {
        io = job.item.memberIo
        self.member = member
        inputs = try Calls.recorded(job).map { try member.ownInputs($0) }
        state = try member.ownInputs(try io.zeroState())
    }

    func next() async throws {
        let outputs = try await member.callOwn(inputs[index].merging(state) { $1 })
        for (source, sink) in io.state {
            guard let from = io.outputs.firstIndex(where: { $0.name == source }),
                let to = io.inputs.firstIndex(where: { $0.name == sink })
            else { continue }
            let (output, input) = (member.own.outputs[from], member.own.inputs[to])
            state[input.name] = try outputs[output.name]?.crossed(from: output, to: input)
        }
        index = (index + 1) % inputs.count
    }

    private static func recorded(_ job: Job) throws -> [[String: Tensor]] {
        let io = job.item.memberIo
        var found: [[String: Tensor]] = []
        for index in 0..<job.count where found.count < maxCalls {
            let entry = try job.samples.mapValues { try $0.entry(index) }
            let name = io.inputs[0].name
            if let stream = io.stream, let recording = entry[name] {
                found += try streamCalls(stream, recording).map { [name: $0] }
            } else {
                found.append(entry)
            }
        }
        return Array(found.prefix(maxCalls))
    }
}

private func written(_ content: Data, _ file: URL) throws {
    do {
        try writeThrough(file, content)
    } catch {
        throw CantWrite(error: familyError("\(file.path) can't be written", error))
    }
}

/// The results can't be written: that ends the run, as no item's result would stay.
struct CantWrite: Error {
    let error: FamilyError
}

private func now() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

private func timed(_ block: () async throws -> Void) async rethrows -> Double {
    let began = now()
    try await block()
    return max(now() - began, 1e-9)
}

private func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
