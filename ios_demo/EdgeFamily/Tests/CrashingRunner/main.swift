import EdgeFamily
import Foundation
import HostEngine

/// Runs a request folder, and dies in the item whose file is named so, as a crash of an engine does.
struct Crashing: EngineLoader {
    let format: String
    let name: String
    private var real: HostLoader { HostLoader(format) }

    init(_ format: String, _ name: String) {
        self.format = format
        self.name = name
    }

    func version() async throws -> String { "crashing" }

    func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
        if file.lastPathComponent.hasPrefix(name) { _exit(77) }
        return try await real.load(file, io: io, threads: threads)
    }
}

let folder = URL(fileURLWithPath: CommandLine.arguments[1])
let loaders = [Crashing("executorch", CommandLine.arguments[2]), Crashing("coreml", CommandLine.arguments[2])]
let finished = try await Runner(loaders, DeviceFacts()).run(folder)
exit(finished ? 0 : 1)
