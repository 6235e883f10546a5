/// Checks the recorded inputs of an item against its member, and returns their number.
///
/// - Throws: `FamilyError`: they don't fit. The message has every problem.
func countSamples(_ samples: [String: Tensor], _ io: Io) throws -> Int {
    let sinks = Set(io.state.map(\.sink))
    let expected = io.inputs.filter { !sinks.contains($0.name) }
    let names = expected.map(\.name).sorted()
    var problems: [String] = []
    if samples.keys.sorted() != names {
        problems.append("the samples are of \(samples.keys.sorted()), but the inputs are \(names)")
    }
    for spec in expected {
        guard let tensor = samples[spec.name] else { continue }
        func middle(_ shape: [Int]) -> [Int] {
            Array(io.stream == nil ? shape.dropFirst() : shape.dropFirst().dropLast())
        }
        let sameShape = tensor.shape.count == spec.shape.count && middle(tensor.shape) == middle(spec.shape)
        if !sameShape || spec.shape.first != 1 || tensor.count == 0 || tensor.dtype != spec.dtype {
            let wanted = ["count"] + middle(spec.shape).map(String.init) + (io.stream == nil ? [] : ["samples"])
            problems.append(
                "samples of \(spec.name) are \(tensor), not \(spec.dtype) [\(wanted.joined(separator: ", "))]")
        }
    }
    let counts = Set(samples.values.map { $0.shape.first ?? 0 })
    if counts.count != 1 || counts.first == 0 {
        problems.append("all inputs need the same number of samples, at least one; there are \(counts.sorted())")
    }
    try demand(problems.isEmpty, problems.sorted().joined(separator: "; "))
    return counts.first ?? 0
}

/// A member, from its inputs to its outputs.
typealias Call = ([String: Tensor]) async throws -> [String: Tensor]

/// Splits `(1, ..., samples)` into the calls of a stream. Silence after its end flushes the delayed samples.
func streamCalls(_ stream: Stream, _ recording: Tensor) throws -> [Tensor] {
    let samples = recording.shape.last ?? 1
    let rows = recording.count / samples
    return try (0..<stream.callsFor(samples)).map { call in
        var block = try Tensor(zeros: recording.dtype, recording.shape.dropLast() + [stream.samples])
        let start = call * stream.samples
        block.copyRows(from: recording, at: start, to: 0, count: min(stream.samples, samples - start), rows: rows)
        return block
    }
}

/// Calls `run` once for each sample. The state that is fed back starts at zero. Returns all outputs.
func callEach(_ run: Call, _ io: Io, _ samples: [String: Tensor], _ count: Int) async throws -> [String: Tensor] {
    var state = try io.zeroState()
    var results: [[String: Tensor]] = []
    for index in 0..<count {
        let outputs = try await run(try samples.mapValues { try $0.entry(index) }.merging(state) { $1 })
        state = io.nextState(outputs)
        results.append(outputs)
    }
    var found: [String: Tensor] = [:]
    for spec in io.outputs { found[spec.name] = try Tensor.concatenated(results.compactMap { $0[spec.name] }) }
    return found
}

/// Runs each recording of `(count, ..., samples)` from a state of zeros. Returns the first output, aligned.
func streamEach(_ run: Call, _ io: Io, _ stream: Stream, _ recordings: Tensor) async throws -> [String: Tensor] {
    let stems = io.outputs[0]
    let samples = recordings.shape.last ?? 1
    let rows = stems.shape.dropLast().reduce(1, *)
    var results: [Tensor] = []
    for index in 0..<recordings.shape[0] {
        var state = try io.zeroState()
        var result = try Tensor(zeros: stems.dtype, stems.shape.dropLast() + [samples])
        for (call, block) in try streamCalls(stream, try recordings.entry(index)).enumerated() {
            let outputs = try await run(state.merging([io.inputs[0].name: block]) { $1 })
            state = io.nextState(outputs)
            let start = call * stream.samples - stream.delay
            let from = max(0, -start)
            let count = min(stream.samples, samples - start) - from
            guard let output = outputs[stems.name] else { continue }
            result.copyRows(from: output, at: from, to: start + from, count: count, rows: rows)
        }
        results.append(result)
    }
    return [stems.name: try Tensor.concatenated(results)]
}
