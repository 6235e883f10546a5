import Foundation

/// A JSON value of which nothing is trusted.
///
/// Foundation's decoder takes a name twice, and each system's version has other limits. This parser refuses a name that
/// is there twice, numbers that are not finite, text behind the value, and values nested deeper than `JSON.maxDepth`.
enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    static let maxDepth = 64
    static let maxBytes = 64 << 20

    /// Parses UTF-8 text.
    ///
    /// - Throws: `FamilyError`, which names `place`.
    static func parse(_ bytes: [UInt8], _ place: String) throws -> JSON {
        guard bytes.count <= maxBytes else { throw FamilyError.invalid("\(place) has more than \(maxBytes) bytes") }
        do {
            return try bytes.withUnsafeBufferPointer { buffer in
                var parser = JSONParser(bytes: buffer)
                return try parser.whole()
            }
        } catch let fault as JSONFault {
            throw FamilyError.invalid("\(place) is not valid: \(fault.text)")
        }
    }

    /// Reads and parses a file.
    static func read(_ file: URL) throws -> JSON {
        let size = try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int
        try demand((size ?? 0) <= maxBytes, "\(file.path) has more than \(maxBytes) bytes")
        return try parse([UInt8](readData(file)), file.path)
    }
}

extension JSON: Encodable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

/// Reads a file. Its error is one line.
func readData(_ file: URL) throws -> Data {
    do {
        return try Data(contentsOf: file)
    } catch {
        throw FamilyError.invalid("\(file.path) can't be read: \(oneLine(error.localizedDescription))")
    }
}

private struct JSONFault: Error {
    let text: String
}

private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var at = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func whole() throws -> JSON {
        let value = try value(depth: 0)
        space()
        if at != bytes.count { throw fault("something follows the value") }
        return value
    }

    private func fault(_ text: String) -> JSONFault { JSONFault(text: "\(text) at byte \(at)") }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func space() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func take(_ byte: Character) -> Bool {
        guard next == byte.asciiValue else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws -> JSON {
        if depth > JSON.maxDepth { throw fault("more than \(JSON.maxDepth) values in each other") }
        space()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try list(depth: depth)
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw fault("the text ends")
        default: return try number()
        }
    }

    private mutating func word(_ word: String, _ value: JSON) throws -> JSON {
        let end = at + word.utf8.count
        guard end <= bytes.count, bytes[at..<end].elementsEqual(word.utf8) else { throw fault("not JSON") }
        at = end
        return value
    }

    private mutating func object(depth: Int) throws -> JSON {
        at += 1
        var found: [String: JSON] = [:]
        space()
        if take("}") { return .object(found) }
        while true {
            space()
            guard next == UInt8(ascii: "\"") else { throw fault("not a name") }
            let name = try text()
            if found[name] != nil { throw JSONFault(text: "it has a name twice: \(quoted(name))") }
            space()
            guard take(":") else { throw fault("no colon") }
            found[name] = try value(depth: depth + 1)
            space()
            if take("}") { return .object(found) }
            guard take(",") else { throw fault("no comma") }
        }
    }

    private mutating func list(depth: Int) throws -> JSON {
        at += 1
        var found: [JSON] = []
        space()
        if take("]") { return .list(found) }
        while true {
            found.append(try value(depth: depth + 1))
            space()
            if take("]") { return .list(found) }
            guard take(",") else { throw fault("no comma") }
        }
    }

    private mutating func number() throws -> JSON {
        let start = at
        _ = take("-")
        let digits = try digitCount()
        if digits > 1, bytes[at - digits] == UInt8(ascii: "0") { throw fault("not a number") }
        var whole = true
        if take(".") {
            whole = false
            _ = try digitCount()
        }
        if take("e") || take("E") {
            whole = false
            if !take("+") { _ = take("-") }
            _ = try digitCount()
        }
        let written = String(decoding: bytes[start..<at], as: UTF8.self)
        if whole, let integer = Int(written) { return .integer(integer) }
        guard let number = Double(written), number.isFinite else { throw fault("a number that is not finite") }
        return .number(number)
    }

    private mutating func digitCount() throws -> Int {
        let start = at
        while let byte = next, byte >= 0x30, byte <= 0x39 { at += 1 }
        if at == start { throw fault("not JSON") }
        return at - start
    }

    private mutating func text() throws -> String {
        at += 1
        var found: [UInt8] = []
        while true {
            guard let byte = next else { throw fault("the text ends") }
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validatingUTF8: found.map { CChar(bitPattern: $0) } + [0]),
                    text.utf8.count == found.count
                else { throw fault("a string that is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): try escape(&found)
            case 0..<0x20: throw fault("a control character")
            default: found.append(byte)
            }
        }
    }

    private mutating func escape(_ found: inout [UInt8]) throws {
        guard let byte = next else { throw fault("the text ends") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): found.append(byte)
        case UInt8(ascii: "b"): found.append(0x08)
        case UInt8(ascii: "f"): found.append(0x0C)
        case UInt8(ascii: "n"): found.append(0x0A)
        case UInt8(ascii: "r"): found.append(0x0D)
        case UInt8(ascii: "t"): found.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try hexUnit())
            if code & 0xFC00 == 0xD800 {
                guard take("\\"), take("u") else { throw fault("half a character") }
                let low = UInt32(try hexUnit())
                guard low & 0xFC00 == 0xDC00 else { throw fault("half a character") }
                code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF)
            }
            guard code != 0, let scalar = Unicode.Scalar(code) else { throw fault("not a character") }
            found += Array(String(Character(scalar)).utf8)
        default: throw fault("not JSON")
        }
    }

    private mutating func hexUnit() throws -> UInt16 {
        guard at + 4 <= bytes.count, let unit = UInt16(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw fault("not JSON") }
        at += 4
        return unit
    }
}
