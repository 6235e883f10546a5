/// Arrays of engines, whose rows may be padded: element `i` stands at `sum(i[axis] * strides[axis])` elements.
extension Tensor {
    /// Makes a tensor with a copy of an engine's array.
    ///
    /// - Parameter strides: In elements, one for each axis.
    /// - Throws: `FamilyError`: the strides don't fit the shape, or one is negative.
    package init(_ dtype: DType, _ shape: [Int], strides: [Int], at source: UnsafeRawPointer) throws {
        self = try Tensor(zeros: dtype, shape)
        try withUnsafeMutableBytes { target in
            try Tensor.eachRow(dtype, shape, strides) { row, place, bytes in
                target.baseAddress?.advanced(by: row).copyMemory(from: source.advanced(by: place), byteCount: bytes)
            }
        }
    }

    /// Copies the elements into an engine's array.
    ///
    /// - Parameter strides: In elements, one for each axis.
    /// - Throws: `FamilyError`: the strides don't fit the shape, or one is negative.
    package func copy(to target: UnsafeMutableRawPointer, strides: [Int]) throws {
        try withUnsafeBytes { source in
            try Tensor.eachRow(dtype, shape, strides) { row, place, bytes in
                guard let from = source.baseAddress else { return }
                target.advanced(by: place).copyMemory(from: from.advanced(by: row), byteCount: bytes)
            }
        }
    }

    /// Calls `body` with the place of each run of elements in the tensor and in the array, and its length, in bytes.
    private static func eachRow(
        _ dtype: DType, _ shape: [Int], _ strides: [Int], _ body: (_ row: Int, _ place: Int, _ bytes: Int) -> Void
    ) throws {
        let fits = strides.count == shape.count && strides.allSatisfy { $0 >= 0 }
        try demand(fits, "the strides \(strides) don't fit the shape \(shape)")
        if shape.contains(0) { return }
        let isWhole = strides.last == 1
        let run = isWhole ? shape.last ?? 1 : 1
        let outer = isWhole ? Array(shape.dropLast()) : shape
        let bytes = run * dtype.bytes
        var place = [Int](repeating: 0, count: outer.count)
        for row in 0..<outer.reduce(1, *) {
            let offset = zip(place, strides).reduce(0) { $0 + $1.0 * $1.1 }
            body(row * bytes, offset * dtype.bytes, bytes)
            for axis in outer.indices.reversed() {
                place[axis] += 1
                if place[axis] < outer[axis] { break }
                place[axis] = 0
            }
        }
    }
}
