// swift-tools-version:5.9
import PackageDescription

let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

// Where Apple's frameworks are not, stubs check the types of what calls them.
#if os(Linux)
    let libraries: [Package.Dependency] = [.package(path: "../../stubs")]
    let frameworks = ["SwiftUI", "AVFoundation", "UIKit", "UniformTypeIdentifiers", "CoreML"].map {
        Target.Dependency.product(name: $0, package: "stubs")
    }
#else
    let libraries: [Package.Dependency] = []
    let frameworks: [Target.Dependency] = []
#endif

func family(_ names: String...) -> [Target.Dependency] { names.map { .product(name: $0, package: "EdgeFamily") } }

let package = Package(
    name: "Demo",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "DemoViews", targets: ["DemoViews"])],
    dependencies: [.package(path: "../../EdgeFamily")] + libraries,
    targets: [
        .target(name: "DemoModels", dependencies: family("EdgeFamily"), swiftSettings: strict),
        .target(
            name: "DemoViews",
            dependencies: ["DemoModels"]
                + family("EdgeFamily", "EdgeFamilyCoreML", "EdgeFamilyCoreAI", "EdgeFamilyExecuTorch") + frameworks,
            swiftSettings: strict),
        .testTarget(
            name: "DemoModelsTests", dependencies: ["DemoModels"] + family("EdgeFamily", "HostEngine"),
            swiftSettings: strict),
    ]
)
