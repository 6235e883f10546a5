import HostEngine
import XCTest

@testable import EdgeFamily

/// The runner with the files that the package builds, run by the Python runtimes of this machine.
final class RunnerTests: XCTestCase {
    private func status(_ folder: URL, _ item: String) throws -> JSON {
        try JSON.read(folder.appendingPathComponent("results/\(item)/status.json"))
    }

    private func outputs(_ folder: URL, _ item: String) throws -> [String: Tensor] {
        try Safetensors.read(folder.appendingPathComponent("results/\(item)/outputs.safetensors"))
    }

    func testTheRequestFolderOfAllRunnersGivesWhatItMust() async throws {
        try await withScratch { scratch in
            let folder = scratch.appendingPathComponent("request")
            try FileManager.default.copyItem(at: Folders.vectors.appendingPathComponent("folder"), to: folder)
            let expected = try JSON.read(folder.appendingPathComponent("expected.json"))
            let runner = Runner(hostLoaders, await ThisDevice.facts(hostLoaders, model: "this machine"))
            let told = Told()
            let finished = try await runner.run(folder) { told.tell($0) }
            XCTAssert(finished)
            XCTAssertEqual(try expected.read("outcomes"), told.outcomes)
            for (item, outcome) in told.outcomes { XCTAssertEqual(try status(folder, item).read("outcome"), outcome) }
            XCTAssertEqual(try status(folder, "verify").read("repeatable"), true)
            let mask = try XCTUnwrap(try outputs(folder, "verify")["mask"]).floats()
            let wanted: [Double] = try expected.read("outputs", "verify", "mask", "values")
            let tolerance: Double = try expected.read("tolerance")
            XCTAssert(zip(mask, wanted).allSatisfy { abs(Double($0) - $1) <= tolerance })
            XCTAssertEqual(mask.count, wanted.count)
            let samples = try JSON.read(folder.appendingPathComponent("results/bench/samples.json"))
            XCTAssertGreaterThanOrEqual((try samples.read("call_ms") as [Double]).count, 5)
            XCTAssertGreaterThanOrEqual(try status(folder, "memory").read("peak_memory_bytes"), 0)
            XCTAssert((try status(folder, "content").read("reason") as String).contains("sha256"))
            let device = try JSON.read(folder.appendingPathComponent("device.json"))
            XCTAssertEqual(try device.read("model"), "this machine")
            XCTAssert((try device.read("runtimes", "coreml") as String).hasPrefix("MIL evaluator"))
            XCTAssertEqual(try HostProcess.shared.outcomes(of: folder), told.outcomes)
            let again = Told()
            _ = try await runner.run(folder) { again.tell($0) }
            XCTAssertEqual(Set(again.outcomes.values), ["finished before"])
        }
    }

    /// Runs all artifacts of a bundle, and returns the outputs of each.
    private func verified(_ bundle: URL, _ output: String, inputs: [String: Tensor]? = nil) async throws -> [String:
        [Float]]
    {
        try await withScratch { scratch in
            let (request, results) = (
                scratch.appendingPathComponent("request"), scratch.appendingPathComponent("results")
            )
            try FileManager.default.createDirectory(at: results, withIntermediateDirectories: true)
            try makeRequest(request, bundle, ["verify"], inputs: inputs)
            let told = Told()
            let finished = try await Runner(hostLoaders, DeviceFacts()).run(request, results: results) { told.tell($0) }
            XCTAssert(finished)
            XCTAssertEqual(Set(told.outcomes.values), ["done"], "\(told.all)")
            XCTAssertEqual(
                try FileManager.default.contentsOfDirectory(atPath: request.path).sorted(),
                ["inputs", "members", "request.json"])
            var found: [String: [Float]] = [:]
            for item in told.outcomes.keys {
                XCTAssertEqual(try status(results, item).read("repeatable"), true)
                found[item] = try outputs(results, item)[output]?.floats()
            }
            return found
        }
    }

    func testDigitsHaveTheNumbersOfPython() async throws {
        let bundle = Folders.digits
        let golden = try XCTUnwrap(try Folders.golden(bundle, "w0.25")["logits"]).floats()
        let members: [JSON] = try JSON.read(bundle.appendingPathComponent("numerics.json")).read("members")
        let runs: [JSON] = try members[0].read("runs")
        let found = try await verified(bundle, "logits")
        XCTAssertEqual(found.count, runs.count)
        for run in runs {
            let label: String = try run.read("artifact")
            let snr = snrDb(golden, try XCTUnwrap(found["w0.25-\(label)-verify"]))
            print("w0.25 \(label) in Swift's runner: \((10 * snr).rounded() / 10) dB")
            XCTAssertEqual(snr, try run.read("agreement", "snr_db"), accuracy: 1e-6, label)
        }
    }

    func testSeparatorsAgreeWithTheGoldenInTheRunnerAndInAStream() async throws {
        let bundle = Folders.separator
        let samples = 16_000
        let mixture = Array(try XCTUnwrap(try Folders.golden(bundle, "inputs")["audio"]).floats()[..<samples])
        let stems = try XCTUnwrap(try Folders.golden(bundle, "d1w1")["stems"])
        let length = stems.shape[3]
        let all = try stems.floats()
        let heard = samples - 2048  // what comes later would hear the sound behind the cut
        let golden = Array(all[..<heard] + all[length..<length + heard])
        let found = try await verified(bundle, "stems", inputs: ["audio": try Tensor([1, 1, samples], mixture)])
        let family = try Family(opening: bundle)
        XCTAssertEqual(found.count, family.manifest.members[0].artifacts.count)
        for artifact in family.manifest.members[0].artifacts {
            let values = try XCTUnwrap(found["d1w1-\(artifact.label)-verify"])
            let snr = snrDb(golden, Array(values[..<heard] + values[samples..<samples + heard]))
            print("d1w1 \(artifact.label) in Swift's runner: \((10 * snr).rounded() / 10) dB")
            XCTAssertGreaterThan(snr, artifact.precision == "fp16" ? 40 : 90, artifact.label)
        }
        let member = try await family.load("d1w1", "executorch-xnnpack-fp32", HostLoader("executorch"))
        let stream = try StemStream(member, channels: 2)
        let quiet = [Float](repeating: 0, count: samples)
        let both = try await stream.separate([mixture, quiet])
        await stream.close()
        XCTAssertEqual(both[0][0] + both[1][0], found["d1w1-executorch-xnnpack-fp32-verify"])
    }

    func testAnEngineThatEndsTheProcessTwiceCostsItsItemAndAFurtherStartRunsTheRest() async throws {
        try await withScratch { folder in
            try makeRequest(folder, Folders.digits, ["verify"])
            let crash = "w0.25-coreml-mlprogram-fp16-verify"
            for wanted in [77, 77, 0] {
                XCTAssertEqual(try self.runCrashing(folder, "coreml-mlprogram-fp16"), Int32(wanted))
            }
            let reason: String = try self.status(folder, crash).read("reason")
            XCTAssert(reason.hasPrefix("the process ended twice in this item"), reason)
            XCTAssertEqual(try self.status(folder, "w0.25-executorch-xnnpack-fp32-verify").read("outcome"), "done")
        }
    }

    private func runCrashing(_ folder: URL, _ name: String) throws -> Int32 {
        let attachments = folder.appendingPathComponent("attachments")
        try FileManager.default.createDirectory(at: attachments, withIntermediateDirectories: true)
        let process = Process()
        // Beside the tests' bundle on macOS, in it on Linux.
        let bundle = Bundle(for: Self.self).bundleURL
        let places = [bundle, bundle.deletingLastPathComponent()].map { $0.appendingPathComponent("HostRunner") }
        process.executableURL = places.first { FileManager.default.isExecutableFile(atPath: $0.path) }
        process.arguments = ["executorch,coreml", folder.path, attachments.path, folder.path, name]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    private func reason(
        _ loader: any EngineLoader = HostLoader("executorch"), change: (inout [String: JSON]) -> Void = { _ in },
        damage: (URL) throws -> Void = { _ in }
    ) async throws -> String {
        try await withScratch { folder in
            try makeRequest(folder, Folders.digits, ["verify"], change: change)
            try damage(folder.appendingPathComponent("members/w0.25/executorch-xnnpack-fp32.pte"))
            let told = Told()
            let finished = try await Runner([loader], DeviceFacts()).run(folder) { told.tell($0) }
            XCTAssert(finished)
            XCTAssertEqual(told.outcomes["w0.25-coreml-mlprogram-fp32-verify"], "unsupported")
            let failed = told.all.filter { $0.step == .failed }
            XCTAssertEqual(failed.count, 1, "\(told.all)")
            guard !failed.isEmpty else { return "" }
            XCTAssertFalse(failed[0].reason.contains("\n"))
            let left = try FileManager.default.contentsOfDirectory(
                atPath: folder.appendingPathComponent("results/\(failed[0].item)").path)
            XCTAssertEqual(left, ["status.json"])
            return failed[0].reason
        }
    }

    func testAFileThatIsCutShortChangedMissingNoModelOrOfAnotherNetworkCostsItsItem() async throws {
        let cut = try await reason(damage: { try Data([1, 2, 3]).write(to: $0) })
        XCTAssert(cut.contains("has 3 bytes, not"), cut)
        let missing = try await reason(damage: { try FileManager.default.removeItem(at: $0) })
        XCTAssert(missing.contains("is missing in"), missing)
        let changed = try await reason(damage: { file in
            var content = try Data(contentsOf: file)
            content[5000] ^= 1
            try content.write(to: file)
        })
        XCTAssert(changed.contains("does not match its sha256"), changed)
        let text = Data("no model".utf8)
        let part: [String: JSON] = [
            "path": .text("members/w0.25/executorch-xnnpack-fp32.pte"), "sha256": .text(SHA256.hex(text)),
            "bytes": .integer(text.count),
        ]
        let noModel = try await reason(change: {
            if $0["format"] == .text("executorch") { $0["artifact"] = .object(part) }
        }) {
            try text.write(to: $0)
        }
        XCTAssert(noModel.contains("can't be loaded: "), noModel)
        let io = try JSON.of(
            "{\"inputs\": [{\"name\": \"image\", \"shape\": [1, 7]}], \"outputs\": [{\"name\": \"logits\", \"shape\": [1, 10]}]}"
        )
        let other = try await reason(change: { if $0["format"] == .text("executorch") { $0["io"] = io } })
        XCTAssert(other.contains("w0.25 executorch-xnnpack-fp32 can't be loaded: "), other)
    }

    func testAnEngineThatDiesInACallCostsItsItem() async throws {
        struct Dying: EngineLoader {
            let format = "executorch"
            func version() async throws -> String { "dying" }
            func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
                let engine = try await HostLoader("executorch").load(file, io: io, threads: threads)
                HostProcess.shared.end()
                return engine
            }
        }
        let reason = try await reason(Dying())
        XCTAssertEqual(reason, "w0.25 executorch-xnnpack-fp32 failed in a call: the host engine has ended")
    }

    func testAnEngineThatHangsCostsItsItemAndTellsThatTheProcessMustEnd() async throws {
        let gate = DispatchSemaphore(value: 0)
        struct Hanging: EngineLoader {
            let format = "executorch"
            let gate: DispatchSemaphore
            func version() async throws -> String { "hanging" }
            func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine { HangingEngine(gate) }
        }
        try await withScratch { folder in
            try makeRequest(folder, Folders.digits, ["verify"]) {
                if $0["format"] == .text("executorch") { $0["timeout_s"] = .number(0.5) }
            }
            let finished = try await Runner([Hanging(gate: gate)], DeviceFacts()).run(folder)
            XCTAssertFalse(finished)
            let reason: String = try self.status(folder, "w0.25-executorch-xnnpack-fp32-verify").read("reason")
            XCTAssertEqual(reason, "it took longer than its time limit of 0.5 s")
            gate.signal()
            for _ in 0..<100_000 where (try? await Late.member(Late.io(1, 1, 1)))?.close() == nil { await Task.yield() }
            try await Late.member(Late.io(1, 1, 1)).close()
        }
    }

    func testAFolderWithoutAValidRequestOrWithAnotherRunnerIsRefused() async throws {
        try await withScratch { folder in
            let runner = Runner([], DeviceFacts())
            await refusal { try await runner.run(folder) }
            try Data("{".utf8).write(to: folder.appendingPathComponent("request.json"))
            await refusal { try await runner.run(folder) }
            try makeRequest(folder, Folders.digits, ["verify"])
            let lock = open(folder.appendingPathComponent(".lock").path, O_RDWR | O_CREAT, 0o644)
            flock(lock, LOCK_EX)
            let message = await refusal { try await runner.run(folder) }
            XCTAssertEqual(message, "another runner works on \(folder.path): wait until it has ended")
            close(lock)
        }
    }
}

private final class HangingEngine: Engine {
    private let gate: DispatchSemaphore

    init(_ gate: DispatchSemaphore) { self.gate = gate }

    func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] {
        gate.wait()
        throw FamilyError.invalid("it was let go")
    }
}
