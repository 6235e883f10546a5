// swift-tools-version:5.9
import PackageDescription

let names = ["CoreML", "CoreAI", "ExecuTorch"]

let package = Package(
    name: "stubs",
    products: names.map { .library(name: $0, targets: [$0]) },
    targets: names.map { .target(name: $0, path: $0) }
)
