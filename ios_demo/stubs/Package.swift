// swift-tools-version:5.9
import PackageDescription

let names = ["CoreML", "CoreAI", "ExecuTorch", "SwiftUI", "AVFoundation", "UIKit", "UniformTypeIdentifiers"]

let package = Package(
    name: "stubs",
    products: names.map { .library(name: $0, targets: [$0]) },
    targets: names.map {
        .target(name: $0, dependencies: $0 == "SwiftUI" ? ["UniformTypeIdentifiers"] : [], path: $0)
    }
)
