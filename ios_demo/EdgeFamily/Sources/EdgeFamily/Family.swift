import Foundation

/// A bundle: the folder with a family of members. It reads files and keeps nothing open; any thread may use it.
public struct Family: Sendable {
    /// What was built.
    public let manifest: Manifest
    let folder: URL
    private let perf: Perf

    /// Opens the bundle in `folder`.
    ///
    /// - Throws: `FamilyError`: its `manifest.json` or `perf.json` is missing, not valid, or of another version.
    public init(opening folder: URL) throws {
        self.folder = folder
        let manifestFile = folder.appendingPathComponent("manifest.json")
        let perfFile = folder.appendingPathComponent("perf.json")
        manifest = try Manifest(try JSON.read(manifestFile), manifestFile.path)
        guard FileManager.default.fileExists(atPath: perfFile.path) else {
            perf = Perf()
            return
        }
        perf = try Perf(try JSON.read(perfFile), perfFile.path)
        let own = try Part.sha256(of: manifestFile)
        try demand(perf.bundle == own, "\(perfFile.path) belongs to another manifest: measure the bundle again")
    }

    /// Returns this family with the times of `measured`; those of other devices stay.
    ///
    /// - Throws: `FamilyError`: they belong to another bundle.
    public func with(_ measured: Perf) throws -> Family {
        let own = try wholeBundle
        try demand(measured.bundle == own, "the times belong to another bundle: measure this one")
        let names = Set(measured.devices.map(\.device))
        let others = perf.devices.filter { !names.contains($0.device) }
        return Family(manifest: manifest, folder: folder, perf: Perf(bundle: own, devices: others + measured.devices))
    }

    /// The sha256 of the manifest of the bundle that this family is, or was taken from.
    var wholeBundle: String {
        get throws { try manifest.takenFrom ?? Part.sha256(of: folder.appendingPathComponent("manifest.json")) }
    }

    private init(manifest: Manifest, folder: URL, perf: Perf) {
        self.manifest = manifest
        self.folder = folder
        self.perf = perf
    }

    /// Returns the best member for a device and a budget, and the rules that decided.
    ///
    /// The largest member that keeps all limits is picked; without one, the smallest, and `Pick.fits` says so. Times are
    /// those measured on this model, else on the most similar ones, else scaled by `calibration`.
    ///
    /// - Throws: `FamilyError`: no artifact may be picked, or a real-time factor is given and no member streams.
    public func pick(_ facts: DeviceFacts, _ budget: Budget, calibration: Calibration? = nil) throws -> Pick {
        try EdgeFamily.pick(manifest, perf, facts, budget, calibration)
    }

    /// Checks the file of an artifact against its sha256 and loads it. Close the member before another one is loaded.
    ///
    /// - Parameters:
    ///   - artifact: The label, as in `Pick.artifact`.
    ///   - loader: The loader of its format.
    /// - Throws: `FamilyError`: there is no such artifact, its file is missing, changed or of another network, the
    ///   engine lacks an operator, or another member is loaded.
    public func load(
        _ member: String, _ artifact: String, _ loader: any EngineLoader, threads: Int = 1
    ) async throws -> LoadedMember {
        let from = try manifest.member(member)
        let found = try from.artifact(artifact)
        let name = "\(member) \(artifact)"
        try demand(found.format == loader.format, "\(name) is of \(found.format): it does not run in \(loader.format)")
        guard let file = found.file, let own = found.io else {
            throw FamilyError.invalid("\(name) did not compile: \(oneLine(found.reason))")
        }
        let checked = try file.checked(in: folder)
        return try await LoadedMember.load(name, loader, checked, own: own, io: from.io, threads: threads)
    }
}
