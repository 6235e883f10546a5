import EdgeFamily
import EdgeFamilyCoreML
import XCTest

/// Runs a request folder on the phone, and attaches what each item left.
///
/// `EDGE_EXPORT_REQUEST` names the folder that a Mac has copied into the app's Documents, relative to those. Without it,
/// the folder `edge_export_request` of the app itself is run, which a farm's copy of the app has. Without either, only
/// `device.json` is attached. Results stay in Documents as well: if the app crashes, nothing is attached.
final class RequestTests: XCTestCase {
    func testTheRequestRuns() async throws {
        let loaders = [CoreMLLoader()]
        let runner = Runner(loaders, await ThisDevice.facts(loaders))
        let documents = try FileManager.default.url(
            for: .documentDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        let name = ProcessInfo.processInfo.environment["EDGE_EXPORT_REQUEST"] ?? ""
        let own = try XCTUnwrap(Bundle.main.resourceURL).appendingPathComponent("edge_export_request")
        let ownIsThere = FileManager.default.fileExists(atPath: own.path)
        if name.isEmpty && !ownIsThere {
            let scratch = FileManager.default.temporaryDirectory
            try runner.writeFacts(scratch)
            return try Attachments.each(scratch, attach)
        }
        let results = documents.appendingPathComponent(name.isEmpty ? "edge_export/own" : name)
        try FileManager.default.createDirectory(at: results, withIntermediateDirectories: true)
        try removeOthers(than: results)
        let finished = try await runner.run(name.isEmpty ? own : results, results: results) { print($0.line) }
        try Attachments.each(results, attach)
        XCTAssertTrue(finished, "an engine hangs")
    }

    private func attach(_ content: Data) {
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
