import Foundation

/// The type of a tensor's elements. The raw value is its name in a manifest.
public enum DType: String, Sendable, Encodable, CaseIterable {
    case float64, float32, float16, int64, int32, int16, int8, uint8, bool

    /// The bytes of one element.
    public var bytes: Int {
        switch self {
        case .float64, .int64: return 8
        case .float32, .int32: return 4
        case .float16, .int16: return 2
        case .int8, .uint8, .bool: return 1
        }
    }

    /// The values that it holds; nil: it holds floats.
    var integers: ClosedRange<Int64>? {
        switch self {
        case .float64, .float32, .float16: return nil
        case .int64: return .min ... .max
        case .int32: return Int64(Int32.min)...Int64(Int32.max)
        case .int16: return Int64(Int16.min)...Int64(Int16.max)
        case .int8: return -128...127
        case .uint8: return 0...255
        case .bool: return 0...1
        }
    }

    /// Its name in safetensors.
    var code: String {
        switch self {
        case .float64: return "F64"
        case .float32: return "F32"
        case .float16: return "F16"
        case .int64: return "I64"
        case .int32: return "I32"
        case .int16: return "I16"
        case .int8: return "I8"
        case .uint8: return "U8"
        case .bool: return "BOOL"
        }
    }
}

/// An array: its type, its shape and its bytes, in C order and little-endian, as safetensors and engines have them.
public struct Tensor: Equatable, Sendable, CustomStringConvertible {
    public let dtype: DType
    public let shape: [Int]
    private(set) var bytes: [UInt8]

    /// Makes a tensor with a copy of `bytes`.
    ///
    /// - Throws: `FamilyError`: they don't fit the shape, or the shape is none.
    public init(_ dtype: DType, _ shape: [Int], bytes: [UInt8]) throws {
        guard let count = Tensor.byteCount(dtype, shape) else {
            throw FamilyError.invalid("\(shape) is not a shape of \(dtype)")
        }
        try demand(bytes.count == count, "\(bytes.count) bytes don't fit \(dtype) \(shape)")
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// Makes a tensor of float32.
    ///
    /// - Throws: `FamilyError`: the values don't fit the shape.
    public init(_ shape: [Int], _ values: [Float]) throws {
        try self.init(.float32, shape, bytes: values.withUnsafeBytes { Array($0) })
    }

    /// Makes a tensor of zeros.
    ///
    /// - Throws: `FamilyError`: a size is negative, or there are 2 GiB or more.
    public init(zeros dtype: DType, _ shape: [Int]) throws {
        let count = Tensor.byteCount(dtype, shape) ?? 0
        try self.init(dtype, shape, bytes: [UInt8](repeating: 0, count: count))
    }

    /// The number of elements.
    public var count: Int { bytes.count / dtype.bytes }

    /// Returns a copy of the values.
    ///
    /// - Throws: `FamilyError`: the type is not float32.
    public func floats() throws -> [Float] {
        try demand(dtype == .float32, "a tensor of \(dtype) has no float32 values")
        return [Float](unsafeUninitializedCapacity: count) { buffer, used in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
            used = count
        }
    }

    /// Calls `body` with the bytes. The pointer is valid only inside of it.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try bytes.withUnsafeBytes(body)
    }

    mutating func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
        try bytes.withUnsafeMutableBytes(body)
    }

    /// The type and the shape, such as "float32 [1, 2]".
    public var description: String { "\(dtype) \(shape)" }

    /// Returns the bytes of an array, or nil if a size is negative or they are 2 GiB or more.
    static func byteCount(_ dtype: DType, _ shape: [Int]) -> Int? {
        if shape.contains(where: { $0 < 0 }) { return nil }
        if shape.contains(0) { return 0 }
        var total = dtype.bytes
        for size in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: size)
            if overflow || product > Int(Int32.max) { return nil }
            total = product
        }
        return total
    }

    /// Returns entry `index` of the first axis, with a first axis of 1.
    func entry(_ index: Int) throws -> Tensor {
        let length = bytes.count / shape[0]
        return try Tensor(dtype, [1] + shape.dropFirst(), bytes: Array(bytes[index * length..<(index + 1) * length]))
    }

    /// Returns tensors of one shape, one after another along the first axis.
    static func concatenated(_ parts: [Tensor]) throws -> Tensor {
        let first = parts[0]
        let shape = [parts.reduce(0) { $0 + $1.shape[0] }] + first.shape.dropFirst()
        return try Tensor(first.dtype, shape, bytes: parts.flatMap(\.bytes))
    }

    /// Copies `count` elements of each row of the last axis, from place `from` of `source`'s rows to place `to`.
    mutating func copyRows(from source: Tensor, at from: Int, to: Int, count: Int, rows: Int) {
        if count <= 0 { return }
        let width = dtype.bytes
        let sourceRow = source.bytes.count / rows
        let row = bytes.count / rows
        for index in 0..<rows {
            let begin = index * sourceRow + from * width
            let place = index * row + to * width
            bytes.replaceSubrange(place..<place + count * width, with: source.bytes[begin..<begin + count * width])
        }
    }

    /// Returns this tensor transposed from layout `from` to `to`, such as "NCHW" to "NHWC"; itself if they are equal.
    func layout(from: String, to: String) throws -> Tensor {
        if from == to { return self }
        let axes = Array(from)
        let fits = axes.sorted() == to.sorted() && axes.count == shape.count && Set(axes).count == axes.count
        try demand(fits, "an array of shape \(shape) can't go from layout \(quoted(from)) to \(quoted(to))")
        let order = to.compactMap { axes.firstIndex(of: $0) }
        var strides = [Int](repeating: dtype.bytes, count: shape.count)
        for axis in stride(from: shape.count - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        }
        let newShape = order.map { shape[$0] }
        let steps = order.map { strides[$0] }
        var place = [Int](repeating: 0, count: shape.count)
        let result = [UInt8](unsafeUninitializedCapacity: bytes.count) { target, used in
            for element in 0..<count {
                var offset = 0
                for axis in order.indices { offset += place[axis] * steps[axis] }
                for byte in 0..<dtype.bytes { target[element * dtype.bytes + byte] = bytes[offset + byte] }
                for axis in order.indices.reversed() {
                    place[axis] += 1
                    if place[axis] < newShape[axis] { break }
                    place[axis] = 0
                }
            }
            used = bytes.count
        }
        return try Tensor(dtype, newShape, bytes: result)
    }
}
