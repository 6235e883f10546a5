import EdgeFamily
import Foundation

/// The process of `tools/host_engine.py`: one for all loaders, as Python's libraries take seconds to start.
///
/// `@unchecked Sendable`: `running` is only touched while the lock is held.
public final class HostProcess: @unchecked Sendable {
    public static let shared = HostProcess()

    private let lock = NSLock()
    private var running: (process: Process, commands: FileHandle, answers: FileHandle)?

    /// Ends the process, as a crash of a runtime does.
    public func end() {
        lock.lock()
        defer { lock.unlock() }
        guard let process = running?.process else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Returns the outcomes of a request folder, as the Python package reads its results.
    ///
    /// - Throws: `FamilyError`: it refuses them.
    public func outcomes(of folder: URL) throws -> [String: String] {
        try JSONDecoder().decode([String: String].self, from: try ask(["do": "results", "folder": folder.path]))
    }

    /// Returns the medians of the rounds of a `perf.json` by device, member and artifact, as the Python package reads it.
    ///
    /// - Throws: `FamilyError`: it refuses the file.
    public func medians(of file: URL) throws -> [String: [Double]] {
        try JSONDecoder().decode([String: [Double]].self, from: try ask(["do": "medians", "path": file.path]))
    }

    /// Sends a command, and returns the answer.
    ///
    /// - Throws: `FamilyError` with the reason that the process gives, or that it has ended.
    func ask(_ command: [String: Any], behind content: Data? = nil) throws -> Data {
        lock.lock()
        defer { lock.unlock() }
        let (_, commands, answers) = try running ?? start()
        do {
            try commands.write(contentsOf: framed(try JSONSerialization.data(withJSONObject: command)))
            if let content { try commands.write(contentsOf: framed(content)) }
            let length = try exactly(8, of: answers).reversed().reduce(0) { $0 << 8 | Int($1) }
            let answer = try exactly(length, of: answers)
            let rest = Data(answer.dropFirst())
            let reason = String(decoding: rest, as: UTF8.self)
            switch answer.first {
            case UInt8(ascii: "="): return rest
            case UInt8(ascii: "?"): throw FamilyError.unsupported(reason)
            default: throw FamilyError.invalid(reason)
            }
        } catch let error as FamilyError {
            throw error
        } catch {
            running = nil
            throw FamilyError.invalid("the host engine has ended")
        }
    }

    private func start() throws -> (process: Process, commands: FileHandle, answers: FileHandle) {
        guard let words = ProcessInfo.processInfo.environment["EDGE_HOST_ENGINE"]?.split(separator: " "), !words.isEmpty
        else {
            throw FamilyError.invalid("EDGE_HOST_ENGINE is not set: run make -C ios_demo test")
        }
        signal(SIGPIPE, SIG_IGN)
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words.map(String.init)
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let started = (process, input.fileHandleForWriting, output.fileHandleForReading)
        running = started
        return started
    }

    private func framed(_ content: Data) -> Data {
        Data((0..<8).map { UInt8(truncatingIfNeeded: content.count >> (8 * $0)) }) + content
    }

    private func exactly(_ count: Int, of source: FileHandle) throws -> Data {
        var found = Data()
        while found.count < count {
            guard let part = try source.read(upToCount: count - found.count), !part.isEmpty else {
                throw CocoaError(.fileReadUnknown)
            }
            found += part
        }
        return found
    }
}
