import EdgeFamily
import Foundation

/// Runs files of one format in the Python runtimes of this machine, through a pipe to `tools/host_engine.py`.
///
/// The command that starts it stands in EDGE_HOST_ENGINE, words between spaces; `make` sets it.
public struct HostLoader: EngineLoader {
    public let format: String

    /// - Parameter format: "coreml" or "executorch".
    public init(_ format: String) { self.format = format }

    public func version() async throws -> String {
        let answer = try HostProcess.shared.ask(["do": "version", "format": format])
        return String(decoding: answer, as: UTF8.self)
    }

    public func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
        let described = try JSONSerialization.jsonObject(with: try encoded(io))
        let command: [String: Any] = [
            "do": "load", "format": format, "path": file.path, "io": described, "threads": threads,
        ]
        _ = try HostProcess.shared.ask(command)
        return HostEngine()
    }
}

/// The file that was loaded last.
private final class HostEngine: Engine {
    func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] {
        let answer = try HostProcess.shared.ask(["do": "call"], behind: try Safetensors.content(inputs))
        return try Safetensors.parse([UInt8](answer), "the outputs")
    }
}
