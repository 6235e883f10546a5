// Xcode before 27 has no Core AI.
#if canImport(CoreAI)
    import CoreAI
    import EdgeFamily
    import Foundation

    /// Core AI: `.aimodel` files, on iOS 27 and macOS 27 and up. Any task may use it.
    @available(iOS 27.0, macOS 27.0, *)
    public struct CoreAILoader: EngineLoader {
        public var format: String { "coreai" }
        private let function: String

        /// - Parameter function: The name of the file's function.
        public init(function: String = "main") { self.function = function }

        public func version() async throws -> String {
            "Core AI of \(ProcessInfo.processInfo.operatingSystemVersionString)"
        }

        /// Specializes a file for this device if that was not done before, and loads it. Core AI keeps what it specialized.
        public func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
            try io.require(types: [.float32, .int32])
            let model = try await AIModel(contentsOf: file)
            guard let loaded = try model.loadFunction(named: function) else {
                throw FamilyError.invalid("the file has the functions \(model.functionNames), not \(function)")
            }
            let about = loaded.descriptor
            try io.require(
                inputs: told(about.inputNames) { about.inputDescriptor(of: $0) },
                outputs: told(about.outputNames) { about.outputDescriptor(of: $0) })
            return CoreAIEngine(loaded, io)
        }

        private func told(_ names: [String], _ descriptor: (String) -> InferenceValue.Descriptor?) -> ToldTensors {
            var found: ToldTensors = [:]
            for name in names {
                guard case .ndArray(let array)? = descriptor(name) else { continue }
                found[name] = (CoreAIEngine.dtype(array.scalarType), array.shape)
            }
            return found
        }
    }

    /// A loaded function. It has no state of its own.
    @available(iOS 27.0, macOS 27.0, *)
    final class CoreAIEngine: Engine {
        private let function: InferenceFunction
        private let io: Io

        init(_ function: InferenceFunction, _ io: Io) {
            self.function = function
            self.io = io
        }

        func call(_ tensors: [String: Tensor]) async throws -> [String: Tensor] {
            var inputs: [String: NDArray] = [:]
            for spec in io.inputs {
                guard let tensor = tensors[spec.name], spec.fits(tensor) else {
                    throw FamilyError.invalid("input \(spec.name) is missing, or not \(spec)")
                }
                inputs[spec.name] = tensor.withUnsafeBytes { bytes in
                    spec.dtype == .int32
                        ? NDArray(scalars: bytes.bindMemory(to: Int32.self), shape: spec.shape)
                        : NDArray(scalars: bytes.bindMemory(to: Float.self), shape: spec.shape)
                }
            }
            var outputs = try await function.run(inputs: inputs)
            var found: [String: Tensor] = [:]
            for spec in io.outputs {
                guard let value = outputs.remove(spec.name), let array = value.ndArray else {
                    throw FamilyError.invalid("the function gave no array \(spec.name)")
                }
                let view = array.rawView()
                let isPlain = CoreAIEngine.dtype(view.scalarType) == spec.dtype && view.interleaveLayout == nil
                try demand(isPlain, "output \(spec.name) is not \(spec.dtype), or interleaved")
                found[spec.name] = try view.withUnsafeBytes { source, shape, strides in
                    var (sizes, steps): ([Int], [Int]) = ([], [])
                    for axis in 0..<shape.count {
                        sizes.append(shape[axis])
                        steps.append(strides[axis])
                    }
                    return try Tensor(spec.dtype, sizes, strides: steps, at: source)
                }
            }
            return found
        }

        static func dtype(_ type: NDArray.ScalarType) -> DType? {
            switch type {
            case .float32: return .float32
            case .int32: return .int32
            default: return nil
            }
        }
    }
#endif
