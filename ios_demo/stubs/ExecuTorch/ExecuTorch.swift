// What EdgeFamilyExecuTorch calls of ExecuTorch 1.4, to check its types where the library is not. Signatures as in
// extension/apple/ExecuTorch/Exported of pytorch/executorch. Nothing here does anything.
import Foundation

private func absent(_ name: String = #function) -> Never { fatalError("\(name) is ExecuTorch's, which is not here") }

public enum ModuleLoadMode: Int, Sendable {
    case file, mmap, mmapUseMlock, mmapUseMlockIgnoreErrors
}

public class Module: NSObject {
    public init(filePath: String, loadMode: ModuleLoadMode) { absent() }
    public func load(_ methodName: String) throws { absent() }
    public func methodMetadata(_ methodName: String) throws -> MethodMetadata { absent() }
    public func forward(_ inputs: [any ValueConvertible]) throws -> [Value] { absent() }
}

public class MethodMetadata: NSObject {
    public var inputTensorMetadata: [Int: TensorMetadata] { absent() }
    public var outputTensorMetadata: [Int: TensorMetadata] { absent() }
}

public class TensorMetadata: NSObject {
    public var shape: [Int] { absent() }
    public var dataType: DataType { absent() }
}

public enum DataType: Int32, Sendable {
    case byte, char, short, int, long, half, float, double
}

public protocol Scalar {
    static var dataType: DataType { get }
}

extension Int32: Scalar {
    public static var dataType: DataType { .int }
}

extension Int64: Scalar {
    public static var dataType: DataType { .long }
}

extension Float: Scalar {
    public static var dataType: DataType { .float }
}

public enum ShapeDynamism: Int, Sendable {
    case `static`, dynamicBound, dynamicUnbound
}

public protocol ValueConvertible {
    func asValue() -> Value
}

public final class Tensor<T: Scalar>: ValueConvertible {
    public init(
        bytes pointer: UnsafeRawPointer, shape: [Int], strides: [Int] = [], dimensionOrder: [Int] = [],
        shapeDynamism: ShapeDynamism = .dynamicBound
    ) { absent() }
    public var shape: [Int] { absent() }
    public var strides: [Int] { absent() }
    public func withUnsafeBytes<R>(_ body: (UnsafeBufferPointer<T>) throws -> R) rethrows -> R { absent() }
    public func asValue() -> Value { absent() }
}

public class Value: NSObject {
    public func tensor<T: Scalar>() -> Tensor<T>? { absent() }
}

public let ErrorDomain = "org.pytorch.executorch.error"

// Of the module ObjectiveC, which Foundation brings along on Apple's systems.
public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result { absent() }
