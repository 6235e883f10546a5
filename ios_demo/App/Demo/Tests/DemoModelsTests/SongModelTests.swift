import EdgeFamily
import HostEngine
import XCTest

@testable import DemoModels

@MainActor
final class SongModelTests: XCTestCase {
    private func separated(_ session: Session) async {
        session.song.openBundled()
        await session.idle()
    }

    func testWithoutASongTheScreenSaysWhatToDo() async throws {
        try await withScratch { scratch in
            let session = session(scratch)
            let model = session.song
            XCTAssertEqual(model.title, "No song yet: choose one of the phone, or the bundled one.")
            model.toggle()
            model.seek(0.5)
            model.fader = 3
            XCTAssertEqual(model.status, "")
            XCTAssertEqual(model.fader, 1)
            XCTAssertFalse(model.isPlaying)
            await session.idle()
            XCTAssertEqual(session.trouble, "")
        }
    }

    func testASongIsSeparatedAndHeardAsItsStems() async throws {
        try await withScratch { scratch in
            let output = RecordingOutput()
            let session = session(scratch, output: output)
            let model = session.song
            model.openBundled()
            XCTAssertEqual(model.title, "Reading the song…")
            await session.idle()
            XCTAssertEqual(session.trouble, "")
            XCTAssertEqual(model.title, "Bundled song, 0:00 of 0:01")
            XCTAssert(model.status.hasPrefix("Separated by d1w1, real-time factor "), model.status)
            XCTAssertEqual(model.readyShare, 1)
            XCTAssertEqual(try XCTUnwrap(model.song).peaks.count, 400)

            let mixture = try readWav(Folders.song).channels[0]
            let family = try Family(opening: Folders.families.appendingPathComponent("separator"))
            let member = try await family.load("d1w1", "executorch-xnnpack-fp32", HostLoader("executorch"))
            let stream = try StemStream(member, channels: 1)
            let stems = try await stream.separate([mixture])
            await stream.close()
            for (fader, wanted) in [(-1, stems[0][0]), (1, stems[1][0]), (0, mixture)] as [(Double, [Float])] {
                output.heard.use { $0.sound = [] }
                model.fader = fader
                model.seek(0)
                model.play()
                XCTAssert(model.isPlaying)
                try await until("end of the song") { !model.isPlaying }
                let heard = output.heard.use { $0.sound }
                XCTAssertEqual(heard.count, wanted.count)
                // The fader moves over the first block.
                XCTAssertEqual(Array(heard[1024...]), Array(wanted[1024...]), "fader \(fader)")
                XCTAssertEqual(model.place, 1)
                XCTAssertFalse(output.heard.use { $0.isOpen })
            }
        }
    }

    func testASongGoesOnInAnotherEngine() async throws {
        try await withScratch { scratch in
            let gate = Guarded(0)
            let slow = DemoEngine.made(
                Wrapped {
                    gate.use { $0 += 1 }
                    while gate.use({ $0 == 20 }) { await Task.yield() }
                })
            let session = session(scratch, engines: [slow, coreML])
            session.song.openBundled()
            try await until("call 20") { gate.use { $0 == 20 } }
            XCTAssert(session.song.isSeparating)
            XCTAssert(session.song.status.hasPrefix("Separating with d1w1: "), session.song.status)
            session.engineId = "coreml-cpu"
            gate.use { $0 += 1 }
            await session.idle()
            XCTAssertEqual(session.trouble, "")
            XCTAssertEqual(session.song.progress?.choice.engine, "coreml-cpu")
            XCTAssertEqual(session.song.readyShare, 1)
            XCTAssertLessThan(gate.use { $0 }, 30)
        }
    }

    func testASmallerBudgetGoesOnWithASmallerMember() async throws {
        try await withScratch { scratch in
            let brief = DemoEngine.made(Brief())
            let session = session(scratch, families: try await twoMembers(scratch), engines: [brief])
            await session.idle()
            XCTAssert(session.choice.contains("Measure the members"), session.choice)
            session.members.measure()
            await session.idle()
            XCTAssertEqual(session.trouble, "")
            session.step = Budgets.steps
            XCTAssertEqual(session.songPick?.member, "d2w2")
            XCTAssertEqual(
                session.choice,
                "d2w2 (executorch-xnnpack-fp32), keeps the budget. Rule: measured on this model.")
            await separated(session)
            XCTAssertEqual(session.song.progress?.choice.member, "d2w2")
            session.step = 0
            XCTAssert(session.choice.contains("d1w1 (executorch-xnnpack-fp32), the smallest, too slow"), session.choice)
            await session.idle()
            XCTAssertEqual(session.song.progress?.choice.member, "d1w1")
            XCTAssertEqual(session.song.readyShare, 1)
        }
    }

    func testLateHopsAreCounted() async throws {
        try await withScratch { scratch in
            let late = DemoEngine.made(Wrapped { try await Task.sleep(nanoseconds: 40_000_000) })
            let session = session(scratch, engines: [late])
            let file = scratch.appendingPathComponent("short.wav")
            try writeWav(file, rate: 16_000, (0..<1_600).map { sin(Float($0)) / 2 })
            session.song.open(file, name: "Short")
            await session.idle()
            let progress = try XCTUnwrap(session.song.progress)
            XCTAssertEqual(progress.late, progress.all)
            XCTAssert(session.song.status.hasSuffix("\(progress.all) late hops"), session.song.status)
            XCTAssertGreaterThan(progress.realTimeFactor, 1)
        }
    }

    func testFilesThatAreNoSongsAreToldInWordsAndTheSongBeforeStays() async throws {
        try await withScratch { scratch in
            let session = session(scratch)
            await separated(session)
            let file = scratch.appendingPathComponent("file")
            let cases: [(Data?, String)] = [
                (Data("text".utf8), "This file is no sound that the phone knows: choose another one."),
                (nil, "This file can't be read: choose it again. ("),
            ]
            for (content, words) in cases {
                try? FileManager.default.removeItem(at: file)
                try content?.write(to: file)
                session.song.opened(.success(file))
                await session.idle()
                XCTAssert(session.trouble.hasPrefix(words), session.trouble)
                XCTAssertEqual(session.song.title, "Bundled song, 0:00 of 0:01")
            }
            try writeWav(file, rate: 16_000, [])
            session.song.opened(.success(file))
            await session.idle()
            XCTAssertEqual(session.trouble, "This song has no sound in it: choose another one.")
            XCTAssertEqual(session.song.readyShare, 1)
            session.song.opened(.failure(CocoaError(.userCancelled)))
            XCTAssert(session.trouble.hasPrefix("This file can't be read"), session.trouble)
            session.song.play()
            XCTAssertEqual(session.trouble, "")
            session.song.pause()
        }
    }

    func testASongThatCanNotBeReadDoesNotEndTheSeparationOfTheOneBefore() async throws {
        try await withScratch { scratch in
            let gate = Guarded(0)
            let slow = DemoEngine.made(
                Wrapped {
                    gate.use { $0 += 1 }
                    while gate.use({ $0 == 20 }) { await Task.yield() }
                })
            let session = session(scratch, engines: [slow])
            session.song.openBundled()
            try await until("call 20") { gate.use { $0 == 20 } }
            session.song.opened(.success(scratch.appendingPathComponent("none")))
            gate.use { $0 += 1 }
            await session.idle()
            XCTAssert(session.trouble.hasPrefix("This file can't be read"), session.trouble)
            XCTAssertEqual(session.song.readyShare, 1)
        }
    }

    func testAnInterruptionPausesAndItsEndGoesOn() async throws {
        try await withScratch { scratch in
            let output = RecordingOutput()
            let session = session(scratch, output: output)
            let model = session.song
            await separated(session)
            output.heard.use { $0.isHeld = true }
            model.play()
            try await until("sound") { output.heard.use { $0.isOpen } }
            model.interrupt()
            model.interrupt()
            XCTAssertFalse(model.isPlaying)
            try await until("silence") { !output.heard.use { $0.isOpen } }
            model.endInterruption(shouldResume: true)
            XCTAssert(model.isPlaying)
            model.interrupt()
            model.endInterruption(shouldResume: false)
            XCTAssertFalse(model.isPlaying)
            model.endInterruption(shouldResume: true)
            XCTAssertFalse(model.isPlaying, "it had ended")
            model.play()
            model.interrupt()
            model.pause()
            model.endInterruption(shouldResume: true)
            XCTAssertFalse(model.isPlaying, "the user had paused")
            model.play()
            session.leave()
            XCTAssertFalse(model.isPlaying)

            output.heard.use { $0.fault = AppError(.busy) }
            model.play()
            try await until("refusal") { !model.isPlaying }
            XCTAssertEqual(
                session.trouble, "Another app holds the sound, such as a call: play again when it has ended.")
        }
    }

    func testAMemoryWarningGivesTheMemberUpAndTheSongCanGoOn() async throws {
        try await withScratch { scratch in
            let gate = Guarded(0)
            let slow = DemoEngine.made(
                Wrapped {
                    gate.use { $0 += 1 }
                    while gate.use({ $0 == 20 }) { await Task.yield() }
                })
            let session = session(scratch, engines: [slow])
            session.memoryWarning()
            XCTAssertEqual(session.trouble, "")
            session.song.openBundled()
            try await until("call 20") { gate.use { $0 == 20 } }
            session.memoryWarning()
            XCTAssertEqual(session.trouble, "The phone is short of memory: close other apps, then go on.")
            XCTAssert(session.song.isGivenUp)
            XCTAssertFalse(session.song.isSeparating)
            gate.use { $0 += 1 }
            await session.idle()
            let ready = session.song.readyShare
            XCTAssert(ready > 0 && ready < 1, "\(ready)")
            let family = try Family(opening: Folders.families.appendingPathComponent("digits"))
            try await family.load("w0.25", "executorch-xnnpack-fp32", HostLoader("executorch")).close()
            session.song.goOn()
            await session.idle()
            XCTAssertEqual(session.trouble, "")
            XCTAssertFalse(session.song.isGivenUp)
            XCTAssertEqual(session.song.readyShare, 1)
        }
    }

    func testASeparationRestsWhileTheAppIsNotSeen() async throws {
        try await withScratch { scratch in
            let gate = Guarded(0)
            let slow = DemoEngine.made(
                Wrapped {
                    gate.use { $0 += 1 }
                    while gate.use({ $0 == 20 }) { await Task.yield() }
                })
            let session = session(scratch, engines: [slow])
            session.song.openBundled()
            try await until("call 20") { gate.use { $0 == 20 } }
            session.leave()
            XCTAssertFalse(session.song.isSeparating)
            gate.use { $0 += 1 }
            await session.idle()
            XCTAssertEqual(gate.use { $0 }, 21)
            session.enter()
            XCTAssert(session.song.isSeparating)
            await session.idle()
            XCTAssertEqual(session.trouble, "")
            XCTAssertEqual(session.song.readyShare, 1)
            session.leave()
            session.enter()
            XCTAssertFalse(session.song.isSeparating, "it was at its end")
        }
    }

    func testAMemberThatDoesNotRunIsToldInWords() async throws {
        try await withScratch { scratch in
            let broken = DemoEngine.made(Wrapped { throw FamilyError.invalid("node 3") })
            let session = session(scratch, engines: [broken, executorch])
            await separated(session)
            XCTAssertEqual(
                session.trouble,
                "The member can't run here. (d1w1 executorch-xnnpack-fp32 failed in a call: node 3)")
            XCTAssertFalse(session.song.isSeparating)
            XCTAssertEqual(session.song.title, "Bundled song, 0:00 of 0:01")
            session.engineId = "executorch"
            await session.idle()
            XCTAssertEqual(session.song.readyShare, 1)
        }
    }
}
