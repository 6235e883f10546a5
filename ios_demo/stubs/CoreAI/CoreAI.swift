// What EdgeFamilyCoreAI calls of Core AI, to check its types where Core AI is not. Signatures as Apple documents them:
// developer.apple.com/documentation/coreai. Nothing here does anything.
import Foundation

private func absent(_ name: String = #function) -> Never { fatalError("\(name) is Core AI's, which is not here") }

public struct AIModel: Sendable {
    public init(contentsOf url: URL, options: SpecializationOptions = .default) async throws { absent() }
    public var functionNames: [String] { absent() }
    public func loadFunction(named functionName: String) throws -> InferenceFunction? { absent() }
}

public struct SpecializationOptions: Sendable {
    public static var `default`: SpecializationOptions { absent() }
}

public struct InferenceFunction: Sendable {
    public var descriptor: InferenceFunctionDescriptor { absent() }
    public func run(
        inputs: [String: NDArray], states: consuming MutableViews = MutableViews(),
        outputViews: consuming MutableViews = MutableViews()
    ) async throws -> Outputs { absent() }

    public struct MutableViews: ~Copyable {
        public init() {}
    }

    public struct Outputs: ~Copyable {
        public mutating func remove(_ name: String) -> InferenceValue? { absent() }
    }
}

public struct InferenceFunctionDescriptor: Sendable {
    public var inputNames: [String] { absent() }
    public var outputNames: [String] { absent() }
    public func inputDescriptor(of name: String) -> InferenceValue.Descriptor? { absent() }
    public func outputDescriptor(of name: String) -> InferenceValue.Descriptor? { absent() }
}

public struct InferenceValue: ~Copyable {
    public var ndArray: NDArray? { absent() }

    public enum Descriptor: Sendable {
        case ndArray(NDArrayDescriptor)
        case image
    }
}

public struct NDArrayDescriptor: Sendable {
    public var shape: [Int] { absent() }
    public var scalarType: NDArray.ScalarType { absent() }
}

public struct NDArray: Sendable {
    public init<Scalar>(scalars: some Sequence<Scalar>, shape: [Int]) where Scalar: BitwiseCopyable { absent() }
    public func rawView() -> RawView { absent() }

    public enum ScalarType: Sendable {
        case float16, float32, int8, int32
    }

    public struct InterleaveLayout: Equatable, Sendable {}

    public struct RawView {
        public var scalarType: ScalarType { absent() }
        public var interleaveLayout: InterleaveLayout? { absent() }
        public func withUnsafeBytes<R, E: Error>(
            _ body: (UnsafeRawPointer, Span<Int>, Span<Int>) throws(E) -> R
        ) throws(E) -> R { absent() }
    }
}

// Of the standard library from Swift 6.2 on.
public struct Span<Element> {
    public var count: Int { absent() }
    public subscript(position: Int) -> Element { absent() }
}
