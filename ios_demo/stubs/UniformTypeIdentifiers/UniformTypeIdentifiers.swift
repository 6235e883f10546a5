// What the demo app calls of Uniform Type Identifiers, to check its types where the framework is not. Signatures as Apple
// documents them: developer.apple.com/documentation/uniformtypeidentifiers. Nothing here does anything.

public struct UTType: Hashable, Sendable {
    public static var audio: UTType { fatalError("UTType is Apple's, which is not here") }
}
