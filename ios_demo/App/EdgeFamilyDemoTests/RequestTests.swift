import EdgeFamily
import EdgeFamilyCoreML
import XCTest

/// Runs the request folder that a Mac has copied into the app's Documents, and attaches what each item left.
///
/// `EDGE_EXPORT_REQUEST` names the folder, relative to Documents; without it only `device.json` is attached. An
/// attachment is a line of JSON with the item and the sizes of its files, then the files. The results stay in the folder
/// as well: if the app crashes, nothing is attached.
final class RequestTests: XCTestCase {
    func testTheRequestRuns() async throws {
        let loaders = [CoreMLLoader()]
        let runner = Runner(loaders, await ThisDevice.facts(loaders))
        guard let name = ProcessInfo.processInfo.environment["EDGE_EXPORT_REQUEST"], !name.isEmpty else {
            let scratch = FileManager.default.temporaryDirectory
            try runner.writeFacts(scratch)
            return try attach("", scratch, ["device.json"])
        }
        let documents = try FileManager.default.url(
            for: .documentDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        let folder = documents.appendingPathComponent(name)
        try removeOthers(than: folder)
        let finished = try await runner.run(folder) { event in
            print("edge_export: {\"item\": \"\(event.item)\", \"outcome\": \"\(event.step.rawValue)\"}")
        }
        let results = folder.appendingPathComponent("results")
        for item in try FileManager.default.contentsOfDirectory(atPath: results.path) where !item.hasPrefix(".") {
            let place = results.appendingPathComponent(item)
            try attach(item, place, try FileManager.default.contentsOfDirectory(atPath: place.path).sorted())
        }
        try attach("", folder, ["device.json"])
        XCTAssertTrue(finished, "an engine hangs")
    }

    private struct Header: Encodable {
        let item: String
        let sizes: [String: Int]
    }

    /// Attaches the files of an item; its name is empty for those of the device. `names` are sorted.
    private func attach(_ item: String, _ folder: URL, _ names: [String]) throws {
        let files = try names.map { try Data(contentsOf: folder.appendingPathComponent($0)) }
        let sizes = Dictionary(uniqueKeysWithValues: zip(names, files.map(\.count)))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var content = try encoder.encode(Header(item: item, sizes: sizes))
        content.append(10)
        for file in files { content.append(file) }
        let attachment = XCTAttachment(data: content, uniformTypeIdentifier: "public.data")
        attachment.name = "edge_export"
        attachment.lifetime = .keepAlways
        add(attachment)
    }

    /// Removes the requests of earlier runs, which take room beside `folder`.
    private func removeOthers(than folder: URL) throws {
        let parent = folder.deletingLastPathComponent()
        for name in try FileManager.default.contentsOfDirectory(atPath: parent.path)
        where name != folder.lastPathComponent {
            try FileManager.default.removeItem(at: parent.appendingPathComponent(name))
        }
    }
}
