extension Tensor {
    /// Returns this tensor in the layout, type and shape of the other side: of a member, or of its file. Itself if they
    /// are equal.
    ///
    /// - Throws: `FamilyError`: the other side's type can't hold a value, or the layouts have different axes.
    func crossed(from: TensorSpec, to: TensorSpec) throws -> Tensor {
        let tensor = try layout(from: from.layout, to: to.layout).type(of: to)
        // A file may lack the batch of one, where its format has no more axes.
        if tensor.shape.count == to.shape.count || Tensor.byteCount(tensor.dtype, to.shape) != tensor.bytes.count {
            return tensor
        }
        return try Tensor(tensor.dtype, to.shape, bytes: tensor.bytes)
    }

    /// Returns integers or bools as those of `spec`, which may be other ones. Floats stay as they are.
    private func type(of spec: TensorSpec) throws -> Tensor {
        guard dtype != spec.dtype, dtype.integers != nil, let range = spec.dtype.integers else { return self }
        var result: [UInt8] = []
        result.reserveCapacity(count * spec.dtype.bytes)
        try bytes.withUnsafeBytes { source in
            for index in 0..<count {
                let value = Tensor.integer(source, index, dtype)
                try demand(range.contains(value), "\(spec.name) holds \(value), which is no \(spec.dtype)")
                Swift.withUnsafeBytes(of: value.littleEndian) { result += $0.prefix(spec.dtype.bytes) }
            }
        }
        return try Tensor(spec.dtype, shape, bytes: result)
    }

    private static func integer(_ source: UnsafeRawBufferPointer, _ index: Int, _ type: DType) -> Int64 {
        let place = index * type.bytes
        switch type {
        case .int64: return Int64(littleEndian: source.loadUnaligned(fromByteOffset: place, as: Int64.self))
        case .int32: return Int64(Int32(littleEndian: source.loadUnaligned(fromByteOffset: place, as: Int32.self)))
        case .int16: return Int64(Int16(littleEndian: source.loadUnaligned(fromByteOffset: place, as: Int16.self)))
        case .int8: return Int64(Int8(bitPattern: source[place]))
        default: return Int64(source[place])
        }
    }
}
