import EdgeFamily
import ExecuTorch
import Foundation

/// ExecuTorch: `.pte` files, on the CPU with XNNPACK. Any task may use it.
///
/// The files name neither inputs nor outputs, so their order is that of the manifest. Its pool has as many threads as
/// there are performance cores; nothing in Swift sets another number.
public struct ExecuTorchLoader: EngineLoader {
    public var format: String { "executorch" }
    private let release: String

    /// - Parameter release: The version of the package that the app was built with: the library says none of its own.
    public init(release: String = "1.4.1") { self.release = release }

    public func version() async throws -> String { "ExecuTorch \(release) for iOS" }

    public func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
        try io.require(types: [.float32, .int32, .int64])
        return try known { try ExecuTorchEngine(file, io) }
    }
}

/// A loaded program.
///
/// `@unchecked Sendable`: a module is not safe with threads; one task at a time calls an engine.
final class ExecuTorchEngine: Engine, @unchecked Sendable {
    private let module: Module
    private let io: Io

    init(_ file: URL, _ io: Io) throws {
        self.io = io
        module = Module(filePath: file.path, loadMode: .mmap)
        try module.load("forward")
        let about = try module.methodMetadata("forward")
        try io.require(
            inputs: ExecuTorchEngine.told(io.inputs, about.inputTensorMetadata),
            outputs: ExecuTorchEngine.told(io.outputs, about.outputTensorMetadata))
    }

    func call(_ tensors: [String: EdgeFamily.Tensor]) async throws -> [String: EdgeFamily.Tensor] {
        try autoreleasepool {
            // An input must be there: without any, ExecuTorch runs on what its memory holds, and says nothing.
            let inputs = try io.inputs.map { spec -> any ValueConvertible in
                guard let tensor = tensors[spec.name], spec.fits(tensor) else {
                    throw FamilyError.invalid("input \(spec.name) is missing, or not \(spec)")
                }
                return try ExecuTorchEngine.native(tensor)
            }
            let outputs = try known { try module.forward(inputs) }
            try demand(
                outputs.count == io.outputs.count, "the file gives \(outputs.count) outputs, not \(io.outputs.count)")
            var found: [String: EdgeFamily.Tensor] = [:]
            for (spec, value) in zip(io.outputs, outputs) { found[spec.name] = try ExecuTorchEngine.copy(value, spec) }
            return found
        }
    }

    /// Names what a program tells by number; numbers that the manifest does not know get names of their own.
    private static func told(_ specs: [TensorSpec], _ tensors: [Int: TensorMetadata]) -> ToldTensors {
        var found: ToldTensors = [:]
        for (index, tensor) in tensors {
            let name = specs.indices.contains(index) ? specs[index].name : "number \(index)"
            found[name] = (dtype(tensor.dataType), tensor.shape)
        }
        return found
    }

    private static func native(_ tensor: EdgeFamily.Tensor) throws -> any ValueConvertible {
        try tensor.withUnsafeBytes { bytes in
            guard let source = bytes.baseAddress else { throw FamilyError.invalid("an input is empty") }
            // The library copies the bytes.
            switch tensor.dtype {
            case .int32: return ExecuTorch.Tensor<Int32>(bytes: source, shape: tensor.shape)
            case .int64: return ExecuTorch.Tensor<Int64>(bytes: source, shape: tensor.shape)
            default: return ExecuTorch.Tensor<Float>(bytes: source, shape: tensor.shape)
            }
        }
    }

    private static func copy(_ value: Value, _ spec: TensorSpec) throws -> EdgeFamily.Tensor {
        func copy<T: Scalar>(_ type: T.Type) throws -> EdgeFamily.Tensor {
            guard let tensor: ExecuTorch.Tensor<T> = value.tensor() else {
                throw FamilyError.invalid("output \(spec.name) is not \(spec.dtype)")
            }
            return try tensor.withUnsafeBytes { elements in
                guard let source = elements.baseAddress else {
                    return try EdgeFamily.Tensor(zeros: spec.dtype, tensor.shape)
                }
                return try EdgeFamily.Tensor(spec.dtype, tensor.shape, strides: tensor.strides, at: source)
            }
        }
        switch spec.dtype {
        case .int32: return try copy(Int32.self)
        case .int64: return try copy(Int64.self)
        default: return try copy(Float.self)
        }
    }

    private static func dtype(_ type: DataType) -> DType? {
        switch type {
        case .float: return .float32
        case .int: return .int32
        case .long: return .int64
        default: return nil
        }
    }
}

private let operatorMissing = 20

/// Runs `block`; an operator that ExecuTorch lacks becomes `FamilyError.unsupported`.
private func known<T>(_ block: () throws -> T) throws -> T {
    do {
        return try block()
    } catch let error as FamilyError {
        throw error
    } catch {
        let told = error as NSError
        guard told.domain == ErrorDomain, told.code == operatorMissing else { throw error }
        throw FamilyError.unsupported(oneLine(told.localizedDescription))
    }
}
