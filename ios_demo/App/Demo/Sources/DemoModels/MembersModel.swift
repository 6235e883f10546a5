import EdgeFamily
import Foundation
import Observation

/// A measured artifact as a row of the table.
public struct MemberLine: Equatable, Sendable, Identifiable {
    /// The columns behind the member and the engine.
    public static let heads = [
        "first load ms", "load ms", "ms a call", "p90 ms", "× real time", "memory MB", "file MB",
    ]

    public let id: String
    public let member: String
    public let precision: String
    public let engine: String
    /// As many as `heads`. Empty: it does not run, and `reason` says why.
    public let cells: [String]
    public let reason: String

    /// The row as it is read out.
    public var spoken: String {
        let name = "\(member), \(precision), \(engine)"
        if cells.isEmpty { return "\(name): \(reason)" }
        let told = zip(MemberLine.heads, cells).filter { $0.1 != Words.none }.map { "\($0) \($1)" }
        return "\(name): \(told.joined(separator: ", "))"
    }
}

/// The screen of members: all are timed on this phone, in every engine.
@MainActor @Observable
public final class MembersModel {
    public static let about =
        "Times every member on this phone in every engine. Keep the app in front; it takes some seconds for each. "
        + "The first load of a file makes it ready for the phone; it is no part of the time of a call."

    public private(set) var lines: [MemberLine] = []
    /// What is being measured; nil: nothing.
    public private(set) var measuring: String?
    /// The `perf.json` of the families that were measured, to be shared.
    public private(set) var perfFiles: [URL] = []

    @ObservationIgnored private unowned let session: Session

    init(_ session: Session) { self.session = session }

    /// What goes on, in words. Empty: nothing.
    public var status: String {
        guard let measuring else { return "" }
        return measuring.isEmpty ? "Measuring…" : "Measuring… \(measuring)"
    }

    /// Measures all members of all families.
    public func measure() {
        if measuring != nil { return }
        session.song.pause()
        session.clearTrouble()
        measuring = ""
        session.run { [session] in
            let (families, facts, engines) = await (session.families, session.facts, session.engines)
            let given = session.given
            var lines: [MemberLine] = []
            for from in families {
                let scratch = given.scratch.appendingPathComponent("bench-\(from.name)")
                defer { try? FileManager.default.removeItem(at: scratch) }
                try? FileManager.default.removeItem(at: scratch)
                try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
                let loaders = engines.map { engine in
                    // What was compiled before would hide the first load.
                    (name: engine.id, loader: engine.loader(scratch.appendingPathComponent("compiled-\(engine.id)")))
                }
                let result = try await Benchmark(from.family, facts).run(loaders, scratch: scratch, plan: given.plan) {
                    engine, event in
                    Task { @MainActor in self.started("\(event.item) \(engine)") }
                }
                let file = Session.perfFile(given, from.name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try result.perf.write(to: file, options: .atomic)
                lines += try result.rows.map { try MembersModel.line(from, $0, engines) }
            }
            let measured = try families.map {
                try OpenFamily($0.name, in: given.families, perf: Session.perfFile(given, $0.name))
            }
            await self.take(lines, measured)
        } after: {
            self.measuring = nil
        }
    }

    private func started(_ item: String) {
        if measuring != nil { measuring = item }
    }

    private func take(_ lines: [MemberLine], _ families: [OpenFamily]) {
        self.lines = lines
        measuring = nil
        perfFiles = families.map { Session.perfFile(session.given, $0.name) }
        session.measured(families)
    }

    private nonisolated static func line(
        _ from: OpenFamily, _ row: Benchmark.Row, _ engines: [DemoEngine]
    ) throws -> MemberLine {
        let artifact = try from.family.manifest.member(row.member).artifact(row.artifact)
        let times = [row.firstLoadMs, row.loadMs, row.medianMs, row.p90Ms, row.realTimeFactor].map(Words.milliseconds)
        let sizes = [row.peakMemoryBytes, artifact.file?.bytes].map(Words.megabytes)
        var cells = times + sizes
        if row.noisy { cells[2] += " (noisy)" }
        return MemberLine(
            id: "\(from.name) \(row.member) \(row.artifact) \(row.engine)", member: row.member,
            precision: artifact.precision, engine: engines.first { $0.id == row.engine }?.title ?? row.engine,
            cells: row.reason.isEmpty ? cells : [], reason: row.reason)
    }
}
