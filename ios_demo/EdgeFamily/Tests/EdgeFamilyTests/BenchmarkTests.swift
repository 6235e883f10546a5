import HostEngine
import XCTest

@testable import EdgeFamily

final class BenchmarkTests: XCTestCase {
    private var plan: Benchmark.Plan {
        var plan = Benchmark.Plan()
        (plan.rounds, plan.warmUpSeconds, plan.seconds) = (2, 0.05, 0.05)
        return plan
    }

    func testEveryArtifactIsTimedInEachEngineAndPythonReadsTheRecord() async throws {
        let family = try Family(opening: Folders.digits)
        var facts = DeviceFacts()
        facts.model = "iPhone16,1"
        let told = Locked<[String]>([])
        let order = Locked<[String]>([])
        try await withScratch { scratch in
            let engines: [(name: String, loader: any EngineLoader)] = [
                ("executorch", HostLoader("executorch")), ("coreml-cpu", HostLoader("coreml")),
                ("coreml-broken", Refusing()),
            ]
            let result = try await Benchmark(family, facts).run(engines, scratch: scratch, plan: plan) {
                engine, event in
                if event.step == .done { told.use { $0.append(engine) } }
                if event.step == .started, engine == "coreml-cpu" { order.use { $0.append(event.item) } }
            }
            XCTAssertEqual(
                result.rows.map(\.engine), ["executorch"] + ["coreml-cpu", "coreml-broken"].flatMap { [$0, $0] })
            for row in result.rows where row.engine != "coreml-broken" {
                let (median, p90) = (try XCTUnwrap(row.medianMs), try XCTUnwrap(row.p90Ms))
                XCTAssert(row.member == "w0.25" && median > 0 && median <= p90 && row.reason.isEmpty, "\(row)")
                XCTAssertNotNil(row.firstLoadMs)
                XCTAssertNotNil(row.loadMs)
                XCTAssertNil(row.realTimeFactor)
            }
            let broken = result.rows.filter { $0.engine == "coreml-broken" }
            XCTAssert(broken.allSatisfy { $0.medianMs == nil && $0.reason.contains("no such model") }, "\(broken)")
            XCTAssertEqual(told.use { Set($0) }, ["executorch", "coreml-cpu"])
            XCTAssertEqual(
                order.use { $0.map { $0.components(separatedBy: "-").last } }, ["0", "0", "1", "1", "memory", "memory"])

            let file = scratch.appendingPathComponent("perf.json")
            try result.perf.write(to: file)
            let medians = try HostProcess.shared.medians(of: file)
            XCTAssertEqual(medians.count, 3)
            for row in result.rows where row.medianMs != nil {
                let rounds = try XCTUnwrap(medians["app:iPhone16-1:\(row.engine) w0.25 \(row.artifact)"])
                XCTAssertEqual(percentile(rounds, 50), try XCTUnwrap(row.medianMs), accuracy: 1e-6)
            }
            try self.picks(family, facts, try Perf(parsing: result.perf), result.rows)
        }
    }

    private func picks(_ family: Family, _ facts: DeviceFacts, _ perf: Perf, _ rows: [Benchmark.Row]) throws {
        let budget = try Budget(callMs: 10_000)
        let pick = try family.with(perf.of("coreml-cpu")).pick(facts, budget)
        XCTAssertEqual(pick.rules, [Rule(limit: "time", rule: "model", devices: ["app:iPhone16-1:coreml-cpu"])])
        XCTAssert(pick.artifact.hasPrefix("coreml-"), pick.artifact)
        XCTAssertEqual(try family.with(perf.of("gpu")).pick(facts, budget).rules[0].rule, "smallest")
    }

    func testTimesOfAnotherBundleAreRefused() async throws {
        let family = try Family(opening: Folders.digits)
        let other = try Perf(parsing: Data("{\"bundle\": \"\(String(repeating: "0", count: 64))\"}".utf8))
        let message = await refusal { try family.with(other) }
        XCTAssertEqual(message, "the times belong to another bundle: measure this one")
    }

    func testAFamilyWithoutAFileForTheEnginesIsRefused() async throws {
        let family = try Family(opening: Folders.digits)
        try await withScratch { scratch in
            let benchmark = Benchmark(family, DeviceFacts())
            let message = await refusal {
                try await benchmark.run([("tflite", HostLoader("tflite"))], scratch: scratch)
            }
            XCTAssertEqual(message, "no artifact of this family runs in tflite")
        }
    }
}

private struct Refusing: EngineLoader {
    let format = "coreml"
    func version() async throws -> String { "refusing" }
    func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
        throw FamilyError.invalid("no such model")
    }
}
