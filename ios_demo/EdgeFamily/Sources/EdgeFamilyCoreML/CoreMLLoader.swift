import CoreML
import EdgeFamily
import Foundation

/// Core ML: `.mlpackage` files, compiled at their first load. Any task may use it.
public struct CoreMLLoader: EngineLoader {
    public var format: String { "coreml" }
    private let units: MLComputeUnits
    private let folder: URL?

    /// - Parameters:
    ///   - units: What Core ML may use. It runs on the CPU what the others don't support.
    ///   - folder: Where compiled models are kept; nil: in Application Support.
    public init(units: MLComputeUnits = .all, folder: URL? = nil) {
        self.units = units
        self.folder = folder
    }

    public func version() async throws -> String {
        "Core ML of \(ProcessInfo.processInfo.operatingSystemVersionString), \(CoreMLLoader.name(of: units))"
    }

    /// Compiles a package if that was not done before, and loads it. Core ML chooses its number of threads itself.
    public func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
        try io.require(types: [.float32, .float16, .int32])
        let models = CompiledModels(folder: try folder ?? CompiledModels.standard()) {
            try await MLModel.compileModel(at: $0)
        }
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units
        let kept = try await models.compiled(file)
        do {
            return try CoreMLEngine(try await MLModel.load(contentsOf: kept, configuration: configuration), io)
        } catch let error as FamilyError {
            throw error
        } catch {
            // What is kept may be damaged, or of an older system.
            let fresh = try await models.compiled(file, anew: true)
            return try CoreMLEngine(try await MLModel.load(contentsOf: fresh, configuration: configuration), io)
        }
    }

    private static func name(of units: MLComputeUnits) -> String {
        switch units {
        case .cpuOnly: return "cpu"
        case .cpuAndGPU: return "cpu and gpu"
        case .cpuAndNeuralEngine: return "cpu and neural engine"
        case .all: return "all units"
        @unknown default: return "units \(units.rawValue)"
        }
    }
}
