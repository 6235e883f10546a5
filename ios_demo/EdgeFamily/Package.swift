// swift-tools-version:5.9
import PackageDescription

let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

// Where Apple's frameworks are not, stubs check the types of what calls them.
#if os(Linux)
    let libraries: [Package.Dependency] = [.package(path: "../stubs")]
    let coreML: [Target.Dependency] = [.product(name: "CoreML", package: "stubs")]
    let coreAI: [Target.Dependency] = [.product(name: "CoreAI", package: "stubs")]
    let execuTorch: [Target.Dependency] = [.product(name: "ExecuTorch", package: "stubs")]
    let loadAll: [LinkerSetting] = []
#else
    let libraries: [Package.Dependency] = [
        .package(url: "https://github.com/pytorch/executorch.git", branch: "swiftpm-1.4.1")
    ]
    let coreML: [Target.Dependency] = []
    let coreAI: [Target.Dependency] = []
    let execuTorch = ["executorch", "backend_xnnpack", "kernels_optimized"].map {
        Target.Dependency.product(name: $0, package: "executorch")
    }
    // Without it the linker drops the backends, which nothing calls by name.
    let loadAll: [LinkerSetting] = [.unsafeFlags(["-Wl,-all_load"])]
#endif

let engines = ["EdgeFamilyCoreML", "EdgeFamilyCoreAI", "EdgeFamilyExecuTorch"]

let package = Package(
    name: "EdgeFamily",
    platforms: [.iOS(.v17), .macOS(.v14)],
    // The last one is for tests: it runs files in this machine's Python.
    products: (["EdgeFamily"] + engines + ["HostEngine"]).map { .library(name: $0, targets: [$0]) },
    dependencies: libraries,
    targets: [
        .target(name: "CRing"),
        .target(name: "EdgeFamily", dependencies: ["CRing"], swiftSettings: strict),
        .target(name: "EdgeFamilyCoreML", dependencies: ["EdgeFamily"] + coreML, swiftSettings: strict),
        .target(name: "EdgeFamilyCoreAI", dependencies: ["EdgeFamily"] + coreAI, swiftSettings: strict),
        .target(
            name: "EdgeFamilyExecuTorch", dependencies: ["EdgeFamily"] + execuTorch, swiftSettings: strict,
            linkerSettings: loadAll),
        .target(name: "HostEngine", dependencies: ["EdgeFamily"], path: "Tests/HostEngine", swiftSettings: strict),
        .executableTarget(
            name: "HostRunner", dependencies: ["HostEngine"], path: "Tests/HostRunner", swiftSettings: strict),
        .testTarget(
            name: "EdgeFamilyTests", dependencies: ["EdgeFamily", "HostEngine", "HostRunner"], swiftSettings: strict
        ),
        .testTarget(
            name: "EnginesTests", dependencies: ["EdgeFamilyCoreML", "EdgeFamilyCoreAI", "EdgeFamilyExecuTorch"],
            swiftSettings: strict),
    ]
)
