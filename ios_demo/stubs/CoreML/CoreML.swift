// What EdgeFamilyCoreML calls of Core ML, to check its types where Core ML is not. Signatures as Apple documents them:
// developer.apple.com/documentation/coreml. Nothing here does anything.
import Foundation

private func absent(_ name: String = #function) -> Never { fatalError("\(name) is Core ML's, which is not here") }

public class MLModel: NSObject {
    public class func compileModel(at modelURL: URL) async throws -> URL { absent() }
    public class func load(
        contentsOf url: URL, configuration: MLModelConfiguration = MLModelConfiguration()
    ) async throws -> MLModel { absent() }
    public var modelDescription: MLModelDescription { absent() }
    public func prediction(from input: any MLFeatureProvider, options: MLPredictionOptions) throws
        -> any MLFeatureProvider
    {
        absent()
    }
    public func prediction(
        from input: any MLFeatureProvider, options: MLPredictionOptions = MLPredictionOptions()
    ) async throws -> any MLFeatureProvider { absent() }
}

public class MLModelConfiguration: NSObject {
    public var computeUnits: MLComputeUnits {
        get { absent() }
        set { absent() }
    }
}

public enum MLComputeUnits: Int, Sendable {
    case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine
}

public class MLModelDescription: NSObject {
    public var inputDescriptionsByName: [String: MLFeatureDescription] { absent() }
    public var outputDescriptionsByName: [String: MLFeatureDescription] { absent() }
}

public class MLFeatureDescription: NSObject {
    public var multiArrayConstraint: MLMultiArrayConstraint? { absent() }
}

public class MLMultiArrayConstraint: NSObject {
    public var shape: [NSNumber] { absent() }
    public var dataType: MLMultiArrayDataType { absent() }
}

public enum MLMultiArrayDataType: Int, Sendable {
    case double, float32, float16, int32, int8
}

public class MLPredictionOptions: NSObject {
    public var outputBackings: [String: Any] {
        get { absent() }
        set { absent() }
    }
}

public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

public class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    public init(dictionary: [String: Any]) throws { absent() }
    public var featureNames: Set<String> { absent() }
    public func featureValue(for featureName: String) -> MLFeatureValue? { absent() }
}

public class MLFeatureValue: NSObject {
    public convenience init(multiArray value: MLMultiArray) { absent() }
    public var multiArrayValue: MLMultiArray? { absent() }
}

public class MLMultiArray: NSObject {
    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws { absent() }
    public var dataType: MLMultiArrayDataType { absent() }
    public var shape: [NSNumber] { absent() }
    public var strides: [NSNumber] { absent() }
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { absent() }
    public func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer, [Int]) throws -> R) rethrows -> R {
        absent()
    }
}

// Of the module ObjectiveC, which Foundation brings along on Apple's systems.
public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result { absent() }
