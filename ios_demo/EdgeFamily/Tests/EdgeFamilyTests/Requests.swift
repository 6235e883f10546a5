import Foundation
import HostEngine

@testable import EdgeFamily

/// Makes a request folder with one item for each artifact and mode of a bundle, as the package makes it.
///
/// - Parameter change: Changes an item before it is written.
func makeRequest(
    _ folder: URL, _ bundle: URL, _ modes: [String], inputs: [String: Tensor]? = nil,
    change: (inout [String: JSON]) -> Void = { _ in }
) throws {
    let files = FileManager.default
    let manifest = try JSON.read(bundle.appendingPathComponent("manifest.json"))
    let recorded = "inputs/inputs.safetensors"
    try files.createDirectory(at: folder.appendingPathComponent("inputs"), withIntermediateDirectories: true)
    let samples = try inputs ?? Folders.golden(bundle, "inputs")
    try Safetensors.content(samples).write(to: folder.appendingPathComponent(recorded))
    var items: [JSON] = []
    for member in try manifest.read("members") as [JSON] {
        for artifact in try member.read("artifacts") as [JSON] {
            let path: String = try artifact.read("file", "path")
            let place = folder.appendingPathComponent(path)
            try files.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try files.copyItem(at: bundle.appendingPathComponent(path), to: place)
            let label = try ["format", "backend", "precision"].map { try artifact.read($0) as String }.joined(
                separator: "-")
            for mode in modes {
                var item: [String: JSON] = [
                    "id": .text("\(try member.read("name") as String)-\(label)-\(mode)"),
                    "member": try member.read("name"),
                    "label": .text(label),
                    "mode": .text(mode),
                    "format": try artifact.read("format"),
                    "artifact": try artifact.read("file"),
                    "io": try artifact.read("io"),
                    "member_io": try member.read("io"),
                    "inputs": try JSON.of(String(decoding: encoded(Part.of(folder, recorded)), as: UTF8.self)),
                    "repeat": .bool(mode == "verify"),
                ]
                if mode == "bench" {
                    item["plan"] = try .of("{\"warm_up_seconds\": 0.2, \"seconds\": 0.1, \"min_samples\": 5}")
                }
                change(&item)
                items.append(.object(item))
            }
        }
    }
    let request: JSON = .object([
        "schema": .text("1.0"), "run_id": .text("run1"),
        "bundle": .text(try Part.sha256(of: bundle.appendingPathComponent("manifest.json"))), "items": .list(items),
    ])
    try encoded(request).write(to: folder.appendingPathComponent("request.json"))
}

/// The events of a run, by item.
final class Told: Sendable {
    private let events = Locked<[Runner.Event]>([])

    func tell(_ event: Runner.Event) { events.use { $0.append(event) } }

    var all: [Runner.Event] { events.use { $0 } }

    /// The last word of each item.
    var outcomes: [String: String] {
        Dictionary(all.map { ($0.item, $0.step.rawValue) }) { $1 }
    }
}

let hostLoaders = [HostLoader("coreml"), HostLoader("executorch"), HostLoader("tflite")]
