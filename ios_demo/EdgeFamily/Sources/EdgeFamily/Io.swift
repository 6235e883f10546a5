/// One input or output: its name in the file, its fixed shape with the batch axis, which is always 1 on a device.
public struct TensorSpec: Equatable, Sendable, Encodable, CustomStringConvertible {
    public let name: String
    public let shape: [Int]
    public let dtype: DType
    /// The meaning of the axes, such as "NCHW"; empty: they have no such names.
    public let layout: String
    /// The meaning of the values, such as "samples in -1..1 at 16000 Hz".
    public let unit: String
    /// One number per channel of an image: the network's input is (pixels in 0..1 - mean) / std.
    public let mean: [Double]
    public let std: [Double]

    init(_ name: String, _ shape: [Int], dtype: DType = .float32, layout: String = "") {
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.layout = layout
        unit = ""
        mean = []
        std = []
    }

    public var description: String { "\(dtype) \(shape)" }

    package func fits(_ tensor: Tensor) -> Bool { tensor.dtype == dtype && tensor.shape == shape }

    func problems(_ place: String) -> [String] {
        var found: [String] = []
        if !isTensorName(name) {
            found.append("name \(quoted(name)) is not a letter with letters, digits and _ behind")
        }
        if shape.count > 8 || shape.contains(where: { $0 <= 0 }) {
            found.append("shape must be at most 8 positive integers")
        } else if Tensor.byteCount(.int8, shape) == nil {
            found.append("shape has 2^31 elements or more")
        }
        if dtype == .float64 { found.append("dtype must not be float64") }
        if !layout.isEmpty && layout.count != shape.count {
            found.append("layout must have one letter per axis, or none")
        }
        if unit.count > maxText { found.append("unit must be a short string") }
        if mean.count != std.count || mean.count > 1024 { found.append("mean and std must be as many numbers") }
        if std.contains(where: { $0 <= 0 }) { found.append("std must be positive") }
        return found.map { "\(place).\($0)" }
    }
}

let maxText = 200

extension DType: FromJSON {}

extension TensorSpec: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("name", "shape", "dtype", "layout", "unit", "mean", "std")
        name = try fields.get("name")
        shape = try fields.get("shape")
        dtype = try fields.get("dtype", or: .float32)
        layout = try fields.get("layout", or: "")
        unit = try fields.get("unit", or: "")
        mean = try fields.get("mean", or: [])
        std = try fields.get("std", or: [])
    }
}

/// The stream of a member. The last axis of its first input and output is time, in samples.
public struct Stream: Equatable, Sendable, Encodable {
    /// The sample rate in Hz.
    public let sampleRate: Int
    /// The samples of one frame.
    public let hop: Int
    /// The frames in each call.
    public let framesPerCall: Int
    /// The samples by which the outputs lag behind the inputs, not counting the call that is filled first.
    public let delay: Int
    /// The names of the outputs' parts, on axis 1.
    public let stems: [String]

    /// The samples of each call, per channel.
    public var samples: Int { hop * framesPerCall }

    /// From the arrival of a sample to its output in ms, without computing time.
    public var latencyMs: Double { 1000 * Double(delay + samples) / Double(sampleRate) }

    func callsFor(_ count: Int) -> Int { (count + delay + samples - 1) / samples }

    func problems() -> [String] {
        var found: [String] = []
        if !(1...1_000_000).contains(sampleRate) {
            found.append("stream.sample_rate must be 1 to 1000000, not \(sampleRate)")
        }
        if !(1...1 << 20).contains(hop) { found.append("stream.hop must be 1 to \(1 << 20), not \(hop)") }
        if !(1...1 << 16).contains(framesPerCall) {
            found.append("stream.frames_per_call must be 1 to \(1 << 16), not \(framesPerCall)")
        }
        if !(0...1 << 20).contains(delay) { found.append("stream.delay must be 0 to \(1 << 20), not \(delay)") }
        if found.isEmpty && samples > Int(Int32.max) { found.append("stream: a call has 2^31 samples or more") }
        if !(1...64).contains(stems.count) || !stems.allSatisfy(isTensorName) {
            found.append("stream.stems must be 1 to 64 names")
        }
        if Set(stems).count < stems.count { found.append("stream.stems has a name twice") }
        return found
    }
}

extension Stream: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("sample_rate", "hop", "frames_per_call", "delay", "stems")
        sampleRate = try fields.get("sample_rate")
        hop = try fields.get("hop")
        framesPerCall = try fields.get("frames_per_call")
        delay = try fields.get("delay")
        stems = try fields.get("stems")
    }
}

/// The inputs and outputs of a member or of a file, in their order.
public struct Io: Equatable, Sendable, Encodable {
    public let inputs: [TensorSpec]
    public let outputs: [TensorSpec]
    /// Pairs of an output and an input: state that is fed back on the next call. It starts at zero.
    let feedback: [[String]]
    /// The class names of the last axis of the first output, for a classifier.
    public let labels: [String]
    public let stream: Stream?

    init(_ inputs: [TensorSpec], _ outputs: [TensorSpec], feedback: [[String]] = [], stream: Stream? = nil) {
        self.inputs = inputs
        self.outputs = outputs
        self.feedback = feedback
        labels = []
        self.stream = stream
    }

    /// The pairs of `feedback`.
    var state: [(source: String, sink: String)] { feedback.map { ($0[0], $0[1]) } }

    func zeroState() throws -> [String: Tensor] {
        let sinks = Set(state.map(\.sink))
        var found: [String: Tensor] = [:]
        for spec in inputs where sinks.contains(spec.name) {
            found[spec.name] = try Tensor(zeros: spec.dtype, spec.shape)
        }
        return found
    }

    /// Returns the state of the next call, which is in the outputs of this one.
    func nextState(_ outputs: [String: Tensor]) -> [String: Tensor] {
        var found: [String: Tensor] = [:]
        for (source, sink) in state { found[sink] = outputs[source] }
        return found
    }

    func problems(_ place: String) -> [String] {
        var found: [String] = []
        for (side, specs) in [("inputs", inputs), ("outputs", outputs)] {
            if !(1...64).contains(specs.count) { found.append("\(side) must be 1 to 64 tensors") }
            for (index, spec) in specs.enumerated() { found += spec.problems("\(side)[\(index)]") }
        }
        let names = (inputs + outputs).map(\.name)
        if Set(names).count < names.count {
            found.append("a name is used twice")
        } else {
            found += feedbackProblems()
        }
        found += stream?.problems() ?? []
        if labels.count > 100_000 || labels.contains(where: { $0.count > maxText }) {
            found.append("labels must be at most 100000 short strings")
        }
        return found.map { "\(place).\($0)" }
    }

    private func feedbackProblems() -> [String] {
        if feedback.contains(where: { $0.count != 2 }) { return ["feedback must be pairs of an output and an input"] }
        var found: [String] = []
        for (source, sink) in state {
            guard let from = outputs.first(where: { $0.name == source }),
                let to = inputs.first(where: { $0.name == sink })
            else {
                found.append("feedback \(quoted(source)) to \(quoted(sink)) does not name an output and an input")
                continue
            }
            if from.shape != to.shape || from.dtype != to.dtype {
                found.append("feedback \(source) to \(sink): their shapes or types differ")
            }
        }
        if Set(state.map(\.sink)).count < feedback.count { found.append("an input is fed back twice") }
        return found
    }

    /// A member's audio is cut along its last axis: another size there would be cut wrongly.
    func streamProblems(_ place: String) -> [String] {
        guard let stream, stream.problems().isEmpty else { return [] }
        let samples = stream.samples
        return [("inputs", inputs), ("outputs", outputs)].compactMap { side, specs in
            guard let first = specs.first, first.shape.last != samples else { return nil }
            return "\(place).\(side)[0].shape does not end in the \(samples) samples of a call"
        }
    }
}

extension Io: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("inputs", "outputs", "feedback", "labels", "stream")
        inputs = try fields.get("inputs")
        outputs = try fields.get("outputs")
        feedback = try fields.get("feedback", or: [])
        labels = try fields.get("labels", or: [])
        stream = try fields.optional("stream")
    }
}
