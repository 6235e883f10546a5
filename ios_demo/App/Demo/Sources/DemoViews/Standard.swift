import CoreML
import DemoModels
import EdgeFamily
import EdgeFamilyCoreML
import EdgeFamilyExecuTorch
import Foundation

#if canImport(CoreAI)
    import EdgeFamilyCoreAI
#endif

extension Surroundings {
    /// Those of the app: its families, its song, and the engines of this phone.
    static var standard: Surroundings {
        let families = (Bundle.main.resourceURL ?? Bundle.main.bundleURL).appendingPathComponent("families")
        let song = families.appendingPathComponent("song.wav")
        let files = FileManager.default
        return Surroundings(
            families: families, song: files.fileExists(atPath: song.path) ? song : nil,
            documents: files.urls(for: .documentDirectory, in: .userDomainMask)[0],
            scratch: files.temporaryDirectory, engines: engines, decode: { try SongReader.read($0) },
            output: AudioOutput())
    }

    private static var engines: [DemoEngine] {
        let units: [(String, String, MLComputeUnits)] = [
            ("all", "all units", .all), ("cpu", "CPU", .cpuOnly), ("gpu", "CPU and GPU", .cpuAndGPU),
            ("ne", "CPU and Neural Engine", .cpuAndNeuralEngine),
        ]
        var engines = units.map { name, title, units in
            DemoEngine(id: "coreml-\(name)", title: "Core ML, \(title)") { CoreMLLoader(units: units, folder: $0) }
        }
        #if canImport(CoreAI)
            if #available(iOS 27.0, macOS 27.0, *) {
                engines.append(DemoEngine(id: "coreai", title: "Core AI") { _ in CoreAILoader() })
            }
        #endif
        engines.append(DemoEngine(id: "executorch", title: "ExecuTorch, CPU") { _ in ExecuTorchLoader() })
        return engines
    }
}
