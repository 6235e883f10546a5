import Foundation

/// What a runner left, in the pieces that a test attaches to its result.
///
/// A piece is a line of JSON with the item and the sizes of its files, then the files. The last piece is `device.json`,
/// whose item has no name.
public enum Attachments {
    private struct Header: Encodable {
        let item: String
        let sizes: [String: Int]
    }

    /// Calls `attach` with each piece.
    ///
    /// - Parameter results: The folder into which a runner wrote.
    /// - Throws: A file can't be read; what `attach` throws.
    public static func each(_ results: URL, _ attach: (Data) throws -> Void) throws {
        let files = FileManager.default
        let place = results.appendingPathComponent("results")
        let items = (try? files.contentsOfDirectory(atPath: place.path)) ?? []
        for item in items.sorted() where !item.hasPrefix(".") {
            let folder = place.appendingPathComponent(item)
            try attach(try piece(item, folder, try files.contentsOfDirectory(atPath: folder.path)))
        }
        try attach(try piece("", results, ["device.json"]))
    }

    private static func piece(_ item: String, _ folder: URL, _ names: [String]) throws -> Data {
        let names = names.sorted()
        let contents = try names.map { try Data(contentsOf: folder.appendingPathComponent($0)) }
        let sizes = Dictionary(uniqueKeysWithValues: zip(names, contents.map(\.count)))
        return contents.reduce(try encoded(Header(item: item, sizes: sizes)) + Data([10]), +)
    }
}
