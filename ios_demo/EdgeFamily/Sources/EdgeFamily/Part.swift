import Foundation

/// One file or package of a bundle or of a request: its relative path, its sha256 and its size in bytes.
public struct Part: Equatable, Sendable, Encodable {
    let path: String
    let sha256: String
    public let bytes: Int

    func problems(_ place: String) -> [String] {
        var found: [String] = []
        let words = path.split(separator: "/", omittingEmptySubsequences: false)
        if path.utf8.count > 400 || words.count > 8 || !words.allSatisfy({ isName(String($0)) }) {
            found.append("\(place).path \(quoted(path)) is not a path inside of the folder")
        }
        if !isSHA256(sha256) { found.append("\(place).sha256 is not a sha256") }
        if bytes < 0 { found.append("\(place).bytes is negative") }
        return found
    }

    /// Returns this file in `folder`; its path is known to be valid.
    ///
    /// - Throws: `FamilyError`: it is missing, leads out of the folder by a link, was cut short or changed.
    func checked(in folder: URL) throws -> URL {
        let file = folder.appendingPathComponent(path)
        var isFolder: ObjCBool = false
        let there = FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
        try demand(there, "\(path) is missing in \(folder.path): copy the whole folder again")
        let root = folder.resolvingSymlinksInPath().path
        let inside = file.resolvingSymlinksInPath().path.hasPrefix(root.hasSuffix("/") ? root : root + "/")
        try demand(inside, "\(path) leads out of \(folder.path)")
        if !isFolder.boolValue {
            let size = try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int
            try demand(size == bytes, "\(path) has \(size ?? 0) bytes, not \(bytes): copy it again")
        }
        try demand(
            try Part.sha256(of: file) == sha256, "\(path) does not match its sha256: it was changed, copy it again")
        return file
    }

    /// Describes a file in `folder`.
    static func of(_ folder: URL, _ path: String) throws -> Part {
        let content = try readData(folder.appendingPathComponent(path))
        return Part(path: path, sha256: SHA256.hex(content), bytes: content.count)
    }

    /// Returns the sha256 of a file, or of a folder: that of the lines `path NUL sha256 LF`, sorted part by part.
    package static func sha256(of path: URL) throws -> String {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path.path, isDirectory: &isFolder)
        if !isFolder.boolValue { return SHA256.hex(try readData(path)) }
        var lines: [(parts: [String], sha256: String)] = []
        try walk(path, [], &lines)
        lines.sort {
            $0.parts.lexicographicallyPrecedes($1.parts) { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        }
        return SHA256.hex(lines.map { "\($0.parts.joined(separator: "/"))\0\($0.sha256)\n" }.joined().utf8)
    }

    private static func walk(_ folder: URL, _ way: [String], _ lines: inout [(parts: [String], sha256: String)]) throws
    {
        try demand(way.count <= 16, "\(folder.path) has folders nested too deep")
        let names = try translated("\(folder.path) can't be read") {
            try FileManager.default.contentsOfDirectory(atPath: folder.path)
        }
        for name in names {
            let file = folder.appendingPathComponent(name)
            // A link could lead out of the folder, where nothing checks it.
            let kind = try? FileManager.default.attributesOfItem(atPath: file.path)[.type] as? FileAttributeType
            try demand(kind != .typeSymbolicLink, "\(file.path) is a link: copy the file itself")
            if kind == .typeDirectory {
                try walk(file, way + [name], &lines)
            } else {
                lines.append((way + [name], SHA256.hex(try readData(file))))
            }
        }
    }
}

extension Part: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("path", "sha256", "bytes")
        path = try fields.get("path")
        sha256 = try fields.get("sha256")
        bytes = try fields.get("bytes")
    }
}

/// Whether `text` may name a member, an item or a file: up to 120 of ASCII letters, digits, `_.+-`, not a dot first.
func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...120).contains(bytes.count), isWord(bytes[0]) else { return false }
    return bytes.allSatisfy {
        isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-")
    }
}

/// Whether `text` may name a tensor or a stem: up to 63 of ASCII letters, digits and `_`, a letter first.
func isTensorName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...63).contains(bytes.count), isWord(bytes[0]), bytes[0] != UInt8(ascii: "_"), bytes[0] > 0x39 else {
        return false
    }
    return bytes.allSatisfy(isWord)
}

func isSHA256(_ text: String) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
}

private func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
}
