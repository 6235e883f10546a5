import CoreML
import EdgeFamily
import EdgeFamilyCoreML
import XCTest

/// The app's families on the phone that the tests run on: every file loads, and answers twice the same.
final class FamiliesTests: XCTestCase {
    func testEveryCoreMLFileOfTheAppRuns() async throws {
        let families = try XCTUnwrap(Bundle.main.resourceURL).appendingPathComponent("families")
        var count = 0
        for name in ["digits", "separator"] {
            let family = try Family(opening: families.appendingPathComponent(name))
            for member in family.manifest.members {
                for artifact in member.artifacts where artifact.format == "coreml" && artifact.status == .passed {
                    let answers = try await twice(family, member, artifact.label)
                    XCTAssertEqual(answers.0, answers.1, "\(member.name) \(artifact.label)")
                    XCTAssertEqual(Set(answers.0.keys), Set(member.io.outputs.map(\.name)))
                    count += 1
                }
            }
        }
        XCTAssertGreaterThan(count, 0, "the app has no family: make -C ios_demo app")
    }

    private func twice(
        _ family: Family, _ member: Member, _ artifact: String
    ) async throws -> ([String: Tensor], [String: Tensor]) {
        let loaded = try await family.load(member.name, artifact, CoreMLLoader(units: .cpuOnly))
        defer { loaded.close() }
        var inputs: [String: Tensor] = [:]
        for spec in member.io.inputs { inputs[spec.name] = try Tensor(zeros: spec.dtype, spec.shape) }
        return (try await loaded.call(inputs), try await loaded.call(inputs))
    }
}
