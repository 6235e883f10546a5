import EdgeFamily
import Foundation
import XCTest

@testable import EdgeFamilyCoreML

final class CompiledModelsTests: XCTestCase {
    private var folder = URL(fileURLWithPath: "/")

    override func setUpWithError() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("edgefamily-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("a.mlpackage"), withIntermediateDirectories: true)
        try write("weights")
    }

    override func tearDownWithError() throws { try FileManager.default.removeItem(at: folder) }

    private var package: URL { folder.appendingPathComponent("a.mlpackage") }

    private func write(_ text: String) throws {
        try Data(text.utf8).write(to: package.appendingPathComponent("weights.bin"))
    }

    /// "Compiles" a package as Core ML does: into a new temporary folder.
    private func models(_ count: Counter) -> CompiledModels {
        let folder = folder
        return CompiledModels(folder: folder.appendingPathComponent("kept/deep")) { package in
            let made = folder.appendingPathComponent("temporary-\(await count.next()).mlmodelc")
            try FileManager.default.copyItem(at: package, to: made)
            return made
        }
    }

    func testAPackageIsCompiledOnceUntilItsContentChanges() async throws {
        let count = Counter()
        let models = models(count)
        let first = try await models.compiled(package)
        let again = try await models.compiled(package)
        XCTAssertEqual(first, again)
        try write("others")
        let other = try await models.compiled(package)
        XCTAssertNotEqual(first, other)
        _ = try await models.compiled(package, anew: true)
        let compiled = await count.value
        XCTAssertEqual(compiled, 3)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        XCTAssertEqual(left, ["a.mlpackage", "kept"])
    }

    func testLoadsAtOnceEndWithOneModel() async throws {
        let models = models(Counter())
        let package = package
        let places = try await withThrowingTaskGroup(of: URL.self) { group in
            for _ in 0..<4 { group.addTask { try await models.compiled(package) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        XCTAssertEqual(places.count, 1)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        XCTAssertEqual(left, ["a.mlpackage", "kept"])
    }

    func testWhatDoesNotCompileIsOneErrorAndLeavesNothing() async throws {
        let models = CompiledModels(folder: folder.appendingPathComponent("kept")) { _ in
            throw FamilyError.invalid("bad program")
        }
        do {
            _ = try await models.compiled(package)
            XCTFail("it was compiled")
        } catch {
            XCTAssertEqual(error as? FamilyError, .invalid("a.mlpackage can't be compiled: bad program"))
        }
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.appendingPathComponent("kept").path))
    }
}

private actor Counter {
    private(set) var value = 0

    func next() -> Int {
        value += 1
        return value
    }
}
