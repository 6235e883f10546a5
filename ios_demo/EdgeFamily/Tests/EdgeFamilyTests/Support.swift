import Foundation
import XCTest

@testable import EdgeFamily

/// The folders of this repository that tests read.
enum Folders {
    static let demo = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
    static let vectors = demo.deletingLastPathComponent().appendingPathComponent("tests/vectors")
    static let digits = demo.appendingPathComponent("build/bundles/digits")
    static let separator = demo.appendingPathComponent("build/bundles/separator")

    static func golden(_ bundle: URL, _ name: String) throws -> [String: Tensor] {
        try Safetensors.read(bundle.appendingPathComponent("goldens/\(name).safetensors"))
    }
}

/// A folder that is removed at the end of `body`.
func withScratch<R>(_ body: (URL) async throws -> R) async throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("edgefamily-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

/// Returns the cases of a file of vectors that the runners of every language share.
func vectors(_ name: String) throws -> [[String: JSON]] {
    try [[String: JSON]](JSON.read(Folders.vectors.appendingPathComponent("\(name).json")), name)
}

extension JSON {
    subscript(_ key: String) -> JSON? {
        if case .object(let values) = self { return values[key] }
        if case .list(let values) = self, let index = Int(key) { return values[index] }
        return nil
    }

    func read<T: FromJSON>(_ path: String...) throws -> T {
        let found = try path.reduce(self) { try XCTUnwrap($0[$1], "\(path)") }
        return try T(found, path.joined(separator: "."))
    }

    var object: [String: JSON] {
        if case .object(let values) = self { return values }
        return [:]
    }

    static func of(_ text: String) throws -> JSON { try parse(Array(text.utf8), "text") }
}

/// Requires that `body` is refused, in one line, and returns that line.
@discardableResult
func refusal<T>(_ name: String = "", file: StaticString = #filePath, line: UInt = #line, _ body: () async throws -> T)
    async -> String
{
    do {
        _ = try await body()
        XCTFail("\(name) was not refused", file: file, line: line)
    } catch let error as FamilyError {
        XCTAssertFalse(error.message.contains("\n"), error.message, file: file, line: line)
        XCTAssertLessThan(error.message.count, 1200, error.message, file: file, line: line)
        return error.message
    } catch {
        XCTFail("\(name): another error: \(error)", file: file, line: line)
    }
    return ""
}

/// The signal-to-noise ratio in dB.
func snrDb(_ reference: [Float], _ values: [Float]) -> Double {
    precondition(reference.count == values.count, "\(values.count) values, not \(reference.count)")
    var (signal, noise) = (0.0, 0.0)
    for (wanted, found) in zip(reference, values) {
        signal += Double(wanted) * Double(wanted)
        noise += (Double(found) - Double(wanted)) * (Double(found) - Double(wanted))
    }
    return 10 * log10(signal / noise)
}
