import EdgeFamily
import Foundation
import HostEngine
import XCTest

@testable import DemoModels

/// The folders of this repository that tests read.
enum Folders {
    static let demo = (0..<5).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
    static let families = demo.appendingPathComponent("build/families")
    static let song = demo.appendingPathComponent("build/bundles/separator/goldens/mixture-1.wav")
}

/// A folder that is removed at the end of `body`.
@MainActor
func withScratch<R: Sendable>(_ body: @MainActor (URL) async throws -> R) async throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("demo-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

let executorch = DemoEngine(id: "executorch", title: "ExecuTorch") { _ in HostLoader("executorch") }
let coreML = DemoEngine(id: "coreml-cpu", title: "Core ML, CPU") { _ in HostLoader("coreml") }

extension DemoEngine {
    /// An engine of the tests' own.
    static func made(_ loader: any EngineLoader, _ id: String = "made-up") -> DemoEngine {
        DemoEngine(id: id, title: "Made up") { _ in loader }
    }
}

/// A session over the families of the tests, with what the test changes.
@MainActor
func session(
    _ scratch: URL, families: URL = Folders.families, engines: [DemoEngine] = [executorch, coreML],
    output: RecordingOutput = RecordingOutput()
) -> Session {
    var plan = Benchmark.Plan()
    (plan.rounds, plan.warmUpSeconds, plan.seconds) = (2, 0.02, 0.02)
    return Session(
        Surroundings(
            families: families, song: Folders.song, documents: scratch.appendingPathComponent("documents"),
            scratch: scratch, engines: engines, decode: { try readWav($0) }, output: output, plan: plan))
}

/// Reads the first second of a WAV file of 16 bit PCM, as the app's decoder does on a phone.
func readWav(_ file: URL) throws -> Sound {
    let bytes = [UInt8](try Data(contentsOf: file))
    guard bytes.count >= 44, bytes[..<4].elementsEqual("RIFF".utf8) else { throw AppError(.notASound) }
    let (channels, rate) = (Int(bytes[22]), Int(bytes[24]) | Int(bytes[25]) << 8)
    let values = stride(from: 44, to: min(bytes.count, 44 + 2 * channels * rate) - 1, by: 2).map {
        Float(Int16(bitPattern: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8)) / 32768
    }
    return try Sound(
        rate: rate,
        channels: (0..<channels).map { channel in
            stride(from: channel, to: values.count, by: channels).map { values[$0] }
        })
}

/// Writes a WAV file of 16 bit PCM, one channel.
func writeWav(_ file: URL, rate: Int, _ values: [Float]) throws {
    func little(_ value: Int, _ bytes: Int) -> [UInt8] { (0..<bytes).map { UInt8(value >> (8 * $0) & 255) } }
    var content = Array("RIFF".utf8) + little(36 + 2 * values.count, 4) + Array("WAVEfmt ".utf8) + little(16, 4)
    content += little(1, 2) + little(1, 2) + little(rate, 4) + little(2 * rate, 4) + little(2, 2) + little(16, 2)
    content += Array("data".utf8) + little(2 * values.count, 4)
    content += values.flatMap { little(Int(UInt16(bitPattern: Int16($0 * 32767))), 2) }
    try Data(content).write(to: file)
}

/// What a player hears. A gate holds it at a block until the test lets it go on.
final class RecordingOutput: SoundOutput {
    struct Heard {
        var sound: [Float] = []
        var starts = 0
        var isOpen = false
        var fault: AppError?
        var isHeld = false
    }

    let heard = Guarded(Heard())

    func start(rate: Int, channels: Int) throws {
        try heard.use { heard in
            if let fault = heard.fault { throw fault }
            heard.starts += 1
            heard.isOpen = true
        }
    }

    func write(_ block: [[Float]]) async throws {
        heard.use { $0.sound += block[0] }
        while heard.use({ $0.isHeld }) && !Task.isCancelled { await Task.yield() }
    }

    func finish() async {}

    func stop() { heard.use { $0.isOpen = false } }
}

/// Waits until the main actor sees a condition; fails after a minute.
@MainActor
func until(_ what: String, _ condition: () -> Bool) async throws {
    let end = Date().addingTimeInterval(60)
    while !condition() {
        if Date() > end { return XCTFail("no \(what)") }
        try await Task.sleep(nanoseconds: 2_000_000)
    }
}

/// A loader that behaves as a test wants it: it wraps the files' real engine.
struct Wrapped: EngineLoader {
    let format = "executorch"
    /// Called before each call of the network.
    let before: @Sendable () async throws -> Void

    func version() async throws -> String { "wrapped" }

    func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
        WrappedEngine(try await HostLoader("executorch").load(file, io: io, threads: threads), before)
    }
}

private final class WrappedEngine: Engine {
    private let real: any Engine
    private let before: @Sendable () async throws -> Void

    init(_ real: any Engine, _ before: @escaping @Sendable () async throws -> Void) {
        self.real = real
        self.before = before
    }

    func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] {
        try await before()
        return try await real.call(inputs)
    }
}

/// Answers zeros after a millisecond: longer than the smallest budget, and far shorter than the largest one.
struct Brief: EngineLoader {
    let format = "executorch"

    private final class Zeros: Engine {
        private let outputs: [TensorSpec]

        init(_ outputs: [TensorSpec]) { self.outputs = outputs }

        func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] {
            try await Task.sleep(nanoseconds: 1_000_000)
            var found: [String: Tensor] = [:]
            for spec in outputs { found[spec.name] = try Tensor(zeros: spec.dtype, spec.shape) }
            return found
        }
    }

    func version() async throws -> String { "brief" }

    func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine { Zeros(io.outputs) }
}

/// Copies the tests' separator with a second, larger member, which has the same file.
func twoMembers(_ folder: URL) async throws -> URL {
    let families = folder.appendingPathComponent("families")
    try FileManager.default.createDirectory(at: families, withIntermediateDirectories: true)
    let separator = families.appendingPathComponent("separator")
    try FileManager.default.copyItem(at: Folders.families.appendingPathComponent("separator"), to: separator)
    let file = separator.appendingPathComponent("manifest.json")
    var manifest = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    let members = try XCTUnwrap(manifest["members"] as? [[String: Any]])
    var larger = members[0]
    larger["name"] = "d2w2"
    larger["macs"] = 2 * (try XCTUnwrap(larger["macs"] as? Int))
    manifest["members"] = members + [larger]
    try JSONSerialization.data(withJSONObject: manifest).write(to: file)
    return families
}
