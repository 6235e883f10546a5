import EdgeFamily
import Foundation

/// A family of the app, with what was measured of it on this phone.
struct OpenFamily: Sendable {
    let name: String
    let family: Family
    let measured: Perf?

    /// - Throws: `AppError`: it is damaged.
    init(_ name: String, in folder: URL, perf: URL) throws {
        self.name = name
        let opened: Family
        do {
            opened = try Family(opening: folder.appendingPathComponent(name))
        } catch {
            throw AppError(.damaged, AppError(error).detail)
        }
        family = opened
        // Times of an older version of the app belong to another bundle.
        let kept = (try? Data(contentsOf: perf)).flatMap { try? Perf(parsing: $0) }
        measured = kept.flatMap { (try? opened.with($0)) == nil ? nil : $0 }
    }

    var stream: EdgeFamily.Stream? { family.manifest.members[0].io.stream }

    var isClassifier: Bool { !family.manifest.members[0].io.labels.isEmpty }

    var formats: Set<String> {
        Set(family.manifest.members.flatMap { $0.artifacts.filter { $0.status == .passed }.map(\.format) })
    }

    func pick(_ facts: DeviceFacts, _ engine: String, callMs: Double) throws -> Pick {
        let known = try measured.map { try family.with($0.of(engine)) } ?? family
        return try known.pick(facts, try Budget(callMs: callMs))
    }

    func load(_ choice: Choice, _ loader: any EngineLoader) async throws -> LoadedMember {
        try await family.load(choice.member, choice.artifact, loader, threads: choice.threads)
    }
}
