import CoreML
import EdgeFamily
import Foundation

/// A loaded model, with arrays for its inputs and outputs that every call uses again.
///
/// `@unchecked Sendable`: one task at a time calls an engine, so nothing else touches the arrays.
final class CoreMLEngine: Engine, @unchecked Sendable {
    private let model: MLModel
    private let io: Io
    private let inputs: [String: MLMultiArray]
    private let provider: MLDictionaryFeatureProvider
    private let options = MLPredictionOptions()

    /// - Throws: `FamilyError`: the model's inputs and outputs are not those of `io`.
    init(_ model: MLModel, _ io: Io) throws {
        self.model = model
        self.io = io
        let description = model.modelDescription
        try io.require(
            inputs: CoreMLEngine.told(description.inputDescriptionsByName),
            outputs: CoreMLEngine.told(description.outputDescriptionsByName))
        inputs = try CoreMLEngine.arrays(io.inputs)
        provider = try MLDictionaryFeatureProvider(dictionary: inputs.mapValues { MLFeatureValue(multiArray: $0) })
        // A proposal: Core ML may give other arrays, so a call reads those that it gives.
        options.outputBackings = try CoreMLEngine.arrays(io.outputs)
    }

    func call(_ tensors: [String: Tensor]) async throws -> [String: Tensor] {
        // Core ML leaves autoreleased objects in each call, and a loop of calls never drains them.
        try autoreleasepool {
            for spec in io.inputs {
                guard let tensor = tensors[spec.name], let array = inputs[spec.name], spec.fits(tensor) else {
                    throw FamilyError.invalid("input \(spec.name) is missing, or not \(spec)")
                }
                try array.withUnsafeMutableBytes { bytes, strides in
                    guard let target = bytes.baseAddress else { return }
                    try tensor.copy(to: target, strides: strides)
                }
            }
            let outputs = try model.prediction(from: provider, options: options)
            var found: [String: Tensor] = [:]
            for spec in io.outputs {
                guard let array = outputs.featureValue(for: spec.name)?.multiArrayValue else {
                    throw FamilyError.invalid("the model gave no array \(spec.name)")
                }
                try demand(CoreMLEngine.dtype(array.dataType) == spec.dtype, "output \(spec.name) is not \(spec.dtype)")
                found[spec.name] = try array.withUnsafeBytes { bytes in
                    guard let source = bytes.baseAddress else { return try Tensor(zeros: spec.dtype, spec.shape) }
                    let (shape, strides) = (array.shape.map(\.intValue), array.strides.map(\.intValue))
                    return try Tensor(spec.dtype, shape, strides: strides, at: source)
                }
            }
            return found
        }
    }

    private static func arrays(_ specs: [TensorSpec]) throws -> [String: MLMultiArray] {
        var found: [String: MLMultiArray] = [:]
        for spec in specs {
            let type: MLMultiArrayDataType =
                spec.dtype == .float16 ? .float16 : spec.dtype == .int32 ? .int32 : .float32
            found[spec.name] = try MLMultiArray(shape: spec.shape.map { NSNumber(value: $0) }, dataType: type)
        }
        return found
    }

    private static func told(_ features: [String: MLFeatureDescription]) -> ToldTensors {
        features.mapValues { feature in
            let array = feature.multiArrayConstraint
            return (array.flatMap { dtype($0.dataType) }, array?.shape.map(\.intValue) ?? [])
        }
    }

    private static func dtype(_ type: MLMultiArrayDataType) -> DType? {
        switch type {
        case .float32: return .float32
        case .float16: return .float16
        case .int32: return .int32
        default: return nil
        }
    }
}
