import EdgeFamily
import HostEngine
import XCTest

@testable import DemoModels

@MainActor
final class MembersModelTests: XCTestCase {
    func testEveryMemberIsMeasuredInEveryEngineAndTheRecordIsShared() async throws {
        struct Broken: EngineLoader {
            let format = "executorch"
            func version() async throws -> String { "broken" }
            func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
                throw FamilyError.invalid("no such model")
            }
        }
        try await withScratch { scratch in
            let session = session(scratch, engines: [executorch, coreML, .made(Broken())])
            let model = session.members
            XCTAssertEqual(model.status, "")
            model.measure()
            model.measure()
            XCTAssertEqual(model.status, "Measuring…")
            try await until("item") { model.status.hasSuffix(" executorch") }
            await session.idle()
            XCTAssertEqual(session.trouble, "")
            XCTAssertEqual(model.status, "")
            // Three files of the one family, two of the other, and each one's in the broken engine.
            XCTAssertEqual(model.lines.count, 3 + 2 + 2)
            for line in model.lines where line.engine != "Made up" {
                XCTAssertEqual(line.cells.count, MemberLine.heads.count)
                XCTAssert(line.cells[..<4].allSatisfy { $0 != Words.none }, "\(line)")
                XCTAssertEqual(line.cells[4] == Words.none, line.member == "w0.25", "\(line)")
                XCTAssert(line.spoken.hasPrefix("\(line.member), \(line.precision), \(line.engine): first load ms "))
            }
            for line in model.lines where line.engine == "Made up" {
                XCTAssert(line.cells.isEmpty && line.spoken.hasSuffix(": no such model"), "\(line)")
            }
            XCTAssertEqual(model.perfFiles.map(\.lastPathComponent), ["perf.json", "perf.json"])
            XCTAssertEqual(try model.perfFiles.map { try HostProcess.shared.medians(of: $0).count }, [3, 2])
            XCTAssertEqual(session.songPick?.rules.first?.rule, "model")
            XCTAssertEqual(session.songPick?.rules.first?.devices.allSatisfy { $0.hasSuffix(":executorch") }, true)
            session.engineId = "coreml-cpu"
            XCTAssertEqual(session.songPick?.rules.first?.devices.allSatisfy { $0.hasSuffix(":coreml-cpu") }, true)
            XCTAssertEqual(
                try FileManager.default.contentsOfDirectory(atPath: scratch.path), ["documents"])

            let later = DemoModelsTests.session(scratch)
            await later.idle()
            XCTAssertEqual(later.songPick?.rules.first?.rule, "model", "what was measured is kept")
            await self.anotherVersion(of: model.perfFiles[1], scratch)
        }
    }

    /// The times of a bundle that the app had before are not used.
    private func anotherVersion(of file: URL, _ scratch: URL) async {
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        let bundle = text.range(of: "\"bundle\":\"").map { text[$0.upperBound...].prefix(64) } ?? ""
        let other = text.replacingOccurrences(of: bundle, with: String(repeating: "0", count: 64))
        try? Data(other.utf8).write(to: file)
        let later = session(scratch)
        await later.idle()
        XCTAssertEqual(later.trouble, "")
        XCTAssertEqual(later.songPick?.rules.first?.rule, "smallest")
    }

    func testAPhoneThatCanNotKeepTheTimesIsToldInWords() async throws {
        try await withScratch { scratch in
            let session = session(scratch, engines: [executorch])
            try Data().write(to: scratch.appendingPathComponent("documents"))
            session.members.measure()
            await session.idle()
            XCTAssert(session.trouble.hasPrefix("This file can't be read"), session.trouble)
            XCTAssertEqual(session.members.status, "")
            XCTAssert(session.members.lines.isEmpty && session.members.perfFiles.isEmpty)
        }
    }
}
