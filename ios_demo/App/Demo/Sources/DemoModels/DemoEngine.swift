import EdgeFamily
import Foundation

/// An engine with its units, as the user chooses it.
public struct DemoEngine: Sendable, Identifiable {
    /// Its name in `perf.json`, such as "coreml-cpu".
    public let id: String
    /// Its name on the screen, such as "Core ML, CPU".
    public let title: String
    /// Makes its loader. With a folder, it keeps nothing of earlier loads: what it compiles goes there.
    public let loader: @Sendable (_ scratch: URL?) -> any EngineLoader

    public init(id: String, title: String, loader: @escaping @Sendable (_ scratch: URL?) -> any EngineLoader) {
        self.id = id
        self.title = title
        self.loader = loader
    }
}

/// What the app is given by the system that it runs on.
public struct Surroundings: Sendable {
    /// The folder with the families `digits` and `separator`.
    public let families: URL
    /// The song of the app. Nil: there is none.
    public let song: URL?
    /// Where measurements are kept.
    public let documents: URL
    /// Where what is needed for a while is.
    public let scratch: URL
    public let engines: [DemoEngine]
    /// Reads a file of any kind that the system knows.
    public let decode: @Sendable (URL) async throws -> Sound
    public let output: any SoundOutput
    public let plan: Benchmark.Plan

    public init(
        families: URL, song: URL?, documents: URL, scratch: URL, engines: [DemoEngine],
        decode: @escaping @Sendable (URL) async throws -> Sound, output: any SoundOutput,
        plan: Benchmark.Plan = Benchmark.Plan()
    ) {
        self.families = families
        self.song = song
        self.documents = documents
        self.scratch = scratch
        self.engines = engines
        self.decode = decode
        self.output = output
        self.plan = plan
    }
}
