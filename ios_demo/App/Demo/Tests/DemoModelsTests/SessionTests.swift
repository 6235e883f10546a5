import EdgeFamily
import HostEngine
import Observation
import XCTest

@testable import DemoModels

@MainActor
final class SessionTests: XCTestCase {
    func testAnAppWithoutAFamilyOrWithADamagedOneSaysSo() async throws {
        try await withScratch { scratch in
            let none = session(scratch, families: scratch)
            await none.idle()
            XCTAssert(none.trouble.hasPrefix("The app's family is damaged: install the app again. ("), none.trouble)
            let digits = scratch.appendingPathComponent("digits")
            try FileManager.default.createDirectory(at: digits, withIntermediateDirectories: true)
            try Data("{}".utf8).write(to: digits.appendingPathComponent("manifest.json"))
            let damaged = session(scratch, families: scratch)
            await damaged.idle()
            XCTAssert(damaged.trouble.contains("damaged") && damaged.trouble.contains("lacks schema"), damaged.trouble)
            damaged.digit.draw(Ink.Point(0, 0))
            damaged.digit.endStroke()
            damaged.song.openBundled()
            await damaged.idle()
            XCTAssert(damaged.trouble.contains("no separator"), damaged.trouble)
            XCTAssertFalse(damaged.song.isReading)
        }
    }

    func testEnginesThatDoNotWorkOrHaveNoFilesAreNotOffered() async throws {
        struct Absent: EngineLoader {
            let format = "coreml"
            func version() async throws -> String { throw FamilyError.unsupported("not here") }
            func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine { throw FamilyError.invalid("") }
        }
        try await withScratch { scratch in
            let other = DemoEngine.made(HostLoader("tflite"), "tflite")
            let some = session(scratch, engines: [other, executorch, .made(Absent())])
            await some.idle()
            XCTAssertEqual(some.engines.map(\.id), ["executorch"])
            XCTAssertEqual(some.engine?.id, "executorch")
            some.engineId = "tflite"
            XCTAssertEqual(some.engine?.id, "executorch")
            let none = session(scratch, engines: [.made(Absent())])
            await none.idle()
            XCTAssertEqual(
                none.trouble, "The member can't run here. (no engine for these families works here)")
            XCTAssertEqual(none.choice, "No member is picked yet.")
        }
    }

    func testTheScreenFollowsWhatChanges() async throws {
        try await withScratch { scratch in
            let session = session(scratch)
            let changes = Guarded<[String]>([])
            withObservationTracking {
                _ = session.budget
            } onChange: {
                changes.use { $0.append("budget") }
            }
            withObservationTracking {
                _ = session.song.title
            } onChange: {
                changes.use { $0.append("song") }
            }
            withObservationTracking {
                _ = session.digit.title
            } onChange: {
                changes.use { $0.append("digit") }
            }
            session.step = 60
            XCTAssertEqual(changes.use { $0 }, [])
            session.step = 0
            XCTAssertEqual(session.budget, "Latency budget: 0.0200 ms a call")
            session.step = 100
            XCTAssertEqual(session.budget, "Latency budget: 50.0 ms a call")
            session.song.openBundled()
            XCTAssertEqual(changes.use { $0 }, ["budget", "song"])
            await session.idle()
        }
    }

    func testWhatWasChosenIsKeptWhenTheAppEnds() async throws {
        try await withScratch { scratch in
            let before = session(scratch)
            await before.idle()
            before.step = 20
            before.engineId = coreML.id
            before.screen = .digit
            let after = session(scratch)
            XCTAssertEqual(after.step, 20)
            XCTAssertEqual(after.screen, .digit)
            await after.idle()
            XCTAssertEqual(after.engineId, coreML.id)
            XCTAssertEqual(after.choice, before.choice)
            XCTAssertEqual(after.songPick?.artifact, before.songPick?.artifact)
        }
    }

    func testChoicesThatAreDamagedOrDoNotFitAreTheFirstOnes() async throws {
        let first = (Screen.song, Budgets.first, executorch.id)
        let cases: [(String, (Screen, Int, String))] = [
            ("{", first), ("[]", first), ("{\"screen\": \"other\", \"step\": 1, \"engine\": \"\"}", first),
            ("{\"screen\": \"members\", \"step\": 1000, \"engine\": \"gone\"}", (.members, 100, executorch.id)),
            ("{\"screen\": \"members\", \"step\": -1, \"engine\": \"coreml-cpu\"}", (.members, 0, coreML.id)),
        ]
        for (content, wanted) in cases {
            try await withScratch { scratch in
                let documents = scratch.appendingPathComponent("documents")
                try FileManager.default.createDirectory(at: documents, withIntermediateDirectories: true)
                try Data(content.utf8).write(to: documents.appendingPathComponent(".choices.json"))
                let session = session(scratch)
                await session.idle()
                XCTAssertEqual(session.screen, wanted.0, content)
                XCTAssertEqual(session.step, wanted.1, content)
                XCTAssertEqual(session.engineId, wanted.2, content)
                XCTAssertEqual(session.trouble, "", content)
            }
        }
    }

    nonisolated func testEveryTroubleHasItsWords() {
        let words = Trouble.allCases.map { Words.trouble(AppError($0)) }
        XCTAssertEqual(Set(words).count, words.count)
        XCTAssertEqual(Words.trouble(AppError(.damaged, "x")), "\(Words.trouble(AppError(.damaged))) (x)")
        let full = NSError(domain: NSPOSIXErrorDomain, code: Int(ENOSPC))
        XCTAssertEqual(AppError(full), AppError(.noSpace))
        XCTAssertEqual(AppError(CocoaError(.fileWriteOutOfSpace)), AppError(.noSpace))
        XCTAssertEqual(AppError(FamilyError.invalid("w: No space left on device")), AppError(.noSpace))
        XCTAssertEqual(AppError(FamilyError.invalid("x")), AppError(.runtime, "x"))
    }
}
