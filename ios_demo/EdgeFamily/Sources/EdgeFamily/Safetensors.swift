import Foundation

/// Files of named arrays, of which nothing is trusted.
package enum Safetensors {
    private static let maxHeaderBytes = 100_000_000
    private static let types = Dictionary(uniqueKeysWithValues: DType.allCases.map { ($0.code, $0) })

    /// Reads a file.
    ///
    /// - Throws: `FamilyError`: it is missing or truncated, or its header does not fit its bytes.
    static func read(_ file: URL) throws -> [String: Tensor] {
        try parse([UInt8](readData(file)), file.lastPathComponent)
    }

    /// Parses the content of a file.
    ///
    /// - Throws: `FamilyError`, which names `name`.
    package static func parse(_ content: [UInt8], _ name: String) throws -> [String: Tensor] {
        try demand(content.count >= 8, "\(name) is not a safetensors file: it is too short")
        let size = content[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        try demand(
            size <= UInt64(min(content.count - 8, maxHeaderBytes)), "\(name) is truncated, or not a safetensors file")
        let start = 8 + Int(size)
        let place = "the header of \(name)"
        let json = try JSON.parse(Array(content[8..<start]), place)
        var entries: [String: JSON] = try Dictionary(json, place)
        entries["__metadata__"] = nil
        var found: [String: Tensor] = [:]
        var spans: [(begin: Int, end: Int)] = []
        for (key, value) in entries {
            let fields = try Fields(value, "\(place): \(quoted(key))")
            try fields.only("dtype", "shape", "data_offsets")
            let shape: [Int] = try fields.get("shape")
            let offsets: [Int] = try fields.get("data_offsets")
            guard let dtype = types[try fields.get("dtype")], offsets.count == 2,
                let bytes = Tensor.byteCount(dtype, shape), shape.count <= 64
            else { throw FamilyError.invalid("\(place): \(quoted(key)) is not an array") }
            let (begin, end) = (offsets[0], offsets[1])
            let inside = begin >= 0 && end >= begin && end <= content.count - start
            try demand(inside && end - begin == bytes, "\(place): the bytes of \(quoted(key)) don't fit its shape")
            found[key] = try Tensor(dtype, shape, bytes: Array(content[start + begin..<start + end]))
            spans.append((begin, end))
        }
        var end = 0
        for span in spans.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            try demand(span.begin == end, "\(place): there are holes or overlaps between the arrays")
            end = span.end
        }
        try demand(end == content.count - start, "\(name) is truncated, or has bytes that belong to no array")
        return found
    }

    /// Returns the content of a file that holds `tensors`.
    package static func content(_ tensors: [String: Tensor]) throws -> Data {
        // The widest types first, so that each array is aligned.
        let ordered = tensors.sorted { (-$0.value.dtype.bytes, $0.key) < (-$1.value.dtype.bytes, $1.key) }
        var entries: [String: Entry] = [:]
        var offset = 0
        for (name, tensor) in ordered {
            let end = offset + tensor.bytes.count
            entries[name] = Entry(dtype: tensor.dtype.code, shape: tensor.shape, data_offsets: [offset, end])
            offset = end
        }
        var header = try JSONEncoder().encode(entries)
        header += Data(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
        var data = Data((0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) })
        data.reserveCapacity(8 + header.count + offset)
        data += header
        for (_, tensor) in ordered { data += tensor.bytes }
        return data
    }
}

private struct Entry: Encodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
}
