import Foundation

/// Loads the compiled files of one format, such as Core ML's. Any thread may use it.
public protocol EngineLoader: Sendable {
    /// The format, as manifests name it: "coreml", "executorch", "coreai".
    var format: String { get }

    /// Returns the name and the version of the engine.
    ///
    /// - Throws: it does not work on this device.
    func version() async throws -> String

    /// Loads a file. Use `Family.load`, which checks the file first, and keeps to one engine at a time.
    ///
    /// - Parameter io: The file's inputs and outputs. The engine goes by their names where the file has names.
    /// - Throws: `FamilyError.unsupported`: the engine lacks an operator of the file. Any other error: it is no such
    ///   file, or its inputs and outputs are not those of `io`.
    func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine
}

/// A loaded file. What it holds is freed with it.
///
/// One task at a time calls it: `LoadedMember` sees to that.
public protocol Engine: AnyObject, Sendable {
    /// Calls the network once.
    ///
    /// - Parameter inputs: All inputs, by name, in the shapes and types of the file.
    /// - Returns: All outputs, by name: copies, which later calls leave as they are.
    func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor]
}
