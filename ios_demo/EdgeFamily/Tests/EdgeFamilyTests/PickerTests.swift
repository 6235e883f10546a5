import XCTest

@testable import EdgeFamily

final class PickerTests: XCTestCase {
    func testEveryCaseIsPickedAsInPython() async throws {
        let file = try JSON.read(Folders.vectors.appendingPathComponent("picker.json"))
        let cases: [JSON] = try file.read("cases")
        XCTAssertGreaterThan(cases.count, 20)
        for each in cases {
            let name: String = try each.read("name")
            if each["pick"] == .null {
                await refusal(name) { try self.picked(each, file) }
                continue
            }
            let pick = try picked(each, file)
            XCTAssertEqual(try each.read("pick", "member"), pick.member, name)
            XCTAssertEqual(try each.read("pick", "artifact"), pick.artifact, name)
            XCTAssertEqual(try each.read("pick", "threads"), pick.threads, name)
            XCTAssertEqual(try each.read("pick", "fits"), pick.fits.rawValue, name)
            let rules: [JSON] = try each.read("pick", "rules")
            let wanted = try rules.map {
                Rule(limit: try $0.read("limit"), rule: try $0.read("rule"), devices: try $0.read("devices"))
            }
            XCTAssertEqual(wanted, pick.rules, name)
        }
    }

    private func picked(_ each: JSON, _ file: JSON) throws -> Pick {
        let reduced: JSON = try file.read("manifests", try each.read("manifest"))
        let manifest = try Manifest(try whole(reduced), "manifest.json")
        let perf = try Perf(try file.read("perfs", try each.read("perf")), "perf.json")
        let facts: DeviceFacts = try each.read("facts")
        let limits = try Fields(each["budget"].flatMap { $0 == .null ? nil : $0 } ?? .object([:]), "budget")
        let budget = try Budget(
            callMs: try limits.optional("call_ms"), realTimeFactor: try limits.optional("real_time_factor"),
            bytes: try limits.optional("bytes"), memoryBytes: try limits.optional("memory_bytes"))
        guard let given = each["calibration"], given != .null else { return try pick(manifest, perf, facts, budget) }
        let fields = try Fields(given, "calibration")
        let calibration = try Calibration(
            member: try fields.get("member"), artifact: try fields.get("artifact"),
            threads: try fields.get("threads", or: 1),
            p90Ms: try fields.get("p90_ms"))
        return try pick(manifest, perf, facts, budget, calibration)
    }

    private let file = "{\"path\": \"f\", \"sha256\": \"\(String(repeating: "0", count: 64))\", \"bytes\": 1}"
    private let tolerance = "{\"snr_db\": 90, \"max_abs_of_peak\": 1e-4}"

    /// Fills the reduced manifests of the vectors up to whole ones.
    private func whole(_ reduced: JSON) throws -> JSON {
        let rest = """
            {"schema": "1.0", "target": "t", "tools": {}, "mother": {"spec": "made up", "checkpoint_sha256": null},
             "recorded": {"metric": "top1", "inputs": \(file), "held_out": null, "extremes": \(file)}}
            """
        let members: [JSON] = try reduced.read("members")
        return try merged(.of(rest), ["members": .list(try members.map(member))])
    }

    private func member(_ reduced: JSON) throws -> JSON {
        var stream = try XCTUnwrap(reduced["io"]?["stream"])
        var samples = 1
        if stream != .null {
            samples = try stream.read("hop") as Int * stream.read("frames_per_call")
            stream = try merged(stream, JSON.of("{\"delay\": 0, \"stems\": [\"vocals\"]}").object)
        }
        let rest = """
            {"config": "c", "io": {"inputs": [{"name": "x", "shape": [1, \(samples)]}],
             "outputs": [{"name": "y", "shape": [1, \(samples)]}]}, "peak_activation_bytes": 1, "calibration_batches": 0,
             "tolerance": \(tolerance), "folded": 0, "refused": [], "golden": \(file), "extremes": \(file), "metric": null}
            """
        var filled = try merged(reduced, JSON.of(rest).object)
        filled = try merged(filled, ["io": merged(try XCTUnwrap(filled["io"]), ["stream": stream])])
        let artifacts: [JSON] = try reduced.read("artifacts")
        return try merged(filled, ["artifacts": .list(try artifacts.map(artifact))])
    }

    private func artifact(_ reduced: JSON) throws -> JSON {
        var known = JSON.null
        if let given = reduced["file"], given != .null { known = try merged(.of(file), given.object) }
        let rest = try JSON.of("{\"io\": null, \"tolerance\": \(tolerance), \"reason\": \"\"}")
        return try merged(merged(reduced, rest.object), ["file": known])
    }

    private func merged(_ json: JSON, _ change: [String: JSON]) throws -> JSON {
        .object(json.object.merging(change) { $1 })
    }

    func testBudgetsAndCalibrationsThatAreNoneAreRefused() async {
        await refusal { try Budget() }
        for limit in [0, -1, Double.nan, .infinity] {
            await refusal { try Budget(callMs: limit) }
            await refusal { try Calibration(member: "m", artifact: "a", p90Ms: limit) }
        }
        await refusal { try Calibration(member: "m", artifact: "a", threads: 0, p90Ms: 1) }
    }
}
