import Foundation

/// The content of a bundle's `manifest.json`: what was built, from what, and where it is.
public struct Manifest: Sendable {
    static let schema = "1.0"

    let target: String
    let mother: Mother
    /// The versions of the tools that built it.
    let tools: [String: String]
    public let members: [Member]
    /// The members that could not be made.
    let errors: [FailedMember]
    /// For an app's family, whose goldens were left out: the sha256 of the manifest of its whole bundle.
    let takenFrom: String?

    /// Parses a manifest of which nothing is trusted: names, paths, shapes and numbers are checked.
    ///
    /// - Throws: `FamilyError`, with the first problems in one line.
    init(parsing text: Data, from place: String = "manifest.json") throws {
        try self.init(try JSON.parse([UInt8](text), place), place)
    }

    /// - Throws: `FamilyError`: there is no such member.
    public func member(_ name: String) throws -> Member {
        if let found = members.first(where: { $0.name == name }) { return found }
        throw FamilyError.invalid("there is no member \(quoted(name)): there are \(members.map(\.name))")
    }

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("schema", "target", "mother", "tools", "recorded", "members", "errors", "taken_from")
        let schema: String = try fields.get("schema")
        target = try fields.get("target")
        mother = try fields.get("mother")
        tools = try fields.get("tools")
        let recorded: Recorded = try fields.get("recorded")
        members = try fields.get("members")
        errors = try fields.get("errors", or: [])
        takenFrom = try fields.optional("taken_from")
        try refuse(problems(schema, recorded), place)
    }

    private func problems(_ schema: String, _ recorded: Recorded) -> [String] {
        var found: [String] = []
        if schema != Manifest.schema {
            found.append("schema is \(quoted(schema)), not \(Manifest.schema): use the library of its version")
        }
        if members.isEmpty { found.append("there are no members") }
        if !isName(target) { found.append("target is not a name") }
        if let takenFrom, !isSHA256(takenFrom) { found.append("taken_from is not a sha256") }
        for (name, file) in recorded.files { found += file.problems("recorded.\(name)") }
        for (index, member) in members.enumerated() { found += member.problems("members[\(index)]") }
        let names = members.map(\.name) + errors.map(\.name)
        if Set(names).count < names.count { found.append("two members have the same name") }
        return found
    }
}

/// A member that was asked for and could not be made; `reason` says in one line what failed.
struct FailedMember: Sendable, FromJSON {
    let name: String
    let config: String
    let reason: String

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("name", "config", "reason")
        name = try fields.get("name")
        config = try fields.get("config")
        reason = try fields.get("reason")
    }
}

/// The mother network that the family was built from.
struct Mother: Sendable, FromJSON {
    let spec: String
    let task: String?
    let checkpointSHA256: String?

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("spec", "task", "checkpoint_sha256")
        spec = try fields.get("spec")
        task = try fields.optional("task")
        checkpointSHA256 = try fields.nullable("checkpoint_sha256")
    }
}

/// The recorded files. An app does not ship them; their paths are checked all the same.
private struct Recorded: FromJSON {
    let files: [(name: String, file: Part)]

    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        try fields.only("metric", "unit", "baseline", "inputs", "held_out", "extremes", "sounds")
        _ = try fields.get("metric") as String
        _ = try fields.get("unit", or: "")
        _ = try fields.optional("baseline") as Double?
        var found: [(String, Part)] = [("inputs", try fields.get("inputs")), ("extremes", try fields.get("extremes"))]
        if let file: Part = try fields.nullable("held_out") { found.append(("held_out", file)) }
        for file in try fields.get("sounds", or: []) as [Part] { found.append(("sounds", file)) }
        files = found
    }
}
