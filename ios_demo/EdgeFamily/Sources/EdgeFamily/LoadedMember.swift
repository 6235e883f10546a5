import Foundation

/// A member that is ready to be called, in the member's own names, layouts and types.
///
/// A process holds one at a time: memory is short on phones, and ExecuTorch's pool of threads is not safe with more. Any
/// task may call it, one at a time: a call while another one runs is refused.
public final class LoadedMember: Sendable {
    /// What messages call it, such as "d1w1 coreml-mlprogram-fp16".
    public let name: String
    /// The member's inputs and outputs.
    public let io: Io
    /// The file's inputs and outputs.
    let own: Io
    private let use: Locked<Use>

    private struct Use {
        /// Nil: it is closed.
        var engine: (any Engine)?
        var isCalled = false
    }

    /// The name of the member that is loaded in this process; nil: none.
    private static let loaded = Locked<String?>(nil)

    private init(_ name: String, _ io: Io, _ own: Io, _ engine: any Engine) {
        self.name = name
        self.io = io
        self.own = own
        use = Locked(Use(engine: engine))
    }

    deinit { close() }

    /// Loads a file that is checked.
    static func load(
        _ name: String, _ loader: any EngineLoader, _ file: URL, own: Io, io: Io, threads: Int
    ) async throws -> LoadedMember {
        try demand((1...64).contains(threads), "\(threads) is not a number of threads from 1 to 64")
        try demand(
            own.inputs.count == io.inputs.count && own.outputs.count == io.outputs.count,
            "the file of \(name) has other inputs or outputs than its member")
        try loaded.use { other in
            if let other { throw FamilyError.misuse("\(other) is loaded: close it before \(name) is loaded") }
            other = name
        }
        do {
            return LoadedMember(name, io, own, try await loader.load(file, io: own, threads: threads))
        } catch {
            loaded.use { $0 = nil }
            throw familyError("\(name) can't be loaded", error)
        }
    }

    /// Calls the member once.
    ///
    /// - Parameter inputs: All inputs by name, state included, in the shapes and types of `io`.
    /// - Returns: All outputs by name.
    /// - Throws: `FamilyError`: an input is missing or does not fit, the engine failed in the call, another call runs, or
    ///   it is closed.
    public func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] {
        let names = io.inputs.map(\.name)
        try demand(Set(inputs.keys) == Set(names), "\(name) takes \(names), not \(inputs.keys.sorted())")
        for spec in io.inputs {
            let tensor = inputs[spec.name]
            try demand(
                tensor.map(spec.fits) ?? false,
                "\(name) takes \(spec) as \(spec.name), not \(tensor?.description ?? "")")
        }
        let outputs = try await callOwn(ownInputs(inputs))
        var found: [String: Tensor] = [:]
        for (member, file) in zip(io.outputs, own.outputs) {
            found[member.name] = try outputs[file.name]?.crossed(from: file, to: member)
        }
        return found
    }

    /// Returns those of the member's inputs that are in `inputs`, in the file's names, layouts and types.
    func ownInputs(_ inputs: [String: Tensor]) throws -> [String: Tensor] {
        var found: [String: Tensor] = [:]
        for (member, file) in zip(io.inputs, own.inputs) {
            found[file.name] = try inputs[member.name]?.crossed(from: member, to: file)
        }
        return found
    }

    /// Calls the file in its own names, layouts and types.
    func callOwn(_ inputs: [String: Tensor]) async throws -> [String: Tensor] {
        let engine = try use.use { use in
            guard let engine = use.engine else { throw FamilyError.misuse("\(name) is closed") }
            if use.isCalled { throw FamilyError.misuse("a call of \(name) runs: wait until it has returned") }
            use.isCalled = true
            return engine
        }
        defer { ended() }
        let outputs: [String: Tensor]
        do {
            outputs = try await engine.call(inputs)
        } catch {
            throw familyError("\(name) failed in a call", error)
        }
        for spec in own.outputs {
            guard let tensor = outputs[spec.name] else {
                throw FamilyError.invalid("\(name) gave no output \(spec.name)")
            }
            try demand(spec.fits(tensor), "output \(spec.name) of \(name) is \(tensor), not \(spec)")
        }
        return outputs
    }

    /// Frees the member, and lets another one be loaded; during a call: when that ends. It may be closed twice.
    public func close() {
        let isFreed = use.use { use in
            defer { use.engine = nil }
            return use.engine != nil && !use.isCalled
        }
        if isFreed { LoadedMember.loaded.use { $0 = nil } }
    }

    private func ended() {
        let isFreed = use.use { use in
            use.isCalled = false
            return use.engine == nil
        }
        if isFreed { LoadedMember.loaded.use { $0 = nil } }
    }
}
