import Foundation

/// Writes a file whole or not at all: beside its place, to the disk, then moved there.
func writeWhole(_ file: URL, _ content: Data) throws {
    let staged = file.deletingLastPathComponent().appendingPathComponent(".\(file.lastPathComponent).tmp")
    try translated("\(file.path) can't be written") {
        try writeThrough(staged, content)
        guard rename(staged.path, file.path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}

/// Writes a file, and returns when it is on the disk.
func writeThrough(_ file: URL, _ content: Data) throws {
    try content.write(to: file)
    let handle = try FileHandle(forWritingTo: file)
    try handle.synchronize()
    try handle.close()
}

/// Returns a record as JSON, in the names of the other languages.
package func encoded(_ record: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try translated("a record has no JSON") { try encoder.encode(record) }
}

/// Reads a small text file of the system; nil: it can't be read.
func readOrNil(_ path: String) -> String? {
    // Files of /proc have no size, so that a read by size finds nothing in them.
    guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? handle.close() }
    return (try? handle.readToEnd()).flatMap { String(data: $0, encoding: .utf8) }
}
