/// The limits of a pick; at least one is given.
public struct Budget: Sendable {
    /// The longest time of a call, in ms.
    let callMs: Double?
    /// The longest time of a call, divided by the duration of its audio.
    let realTimeFactor: Double?
    /// The largest file.
    let bytes: Int?
    /// The highest peak of memory.
    let memoryBytes: Int?

    /// - Throws: `FamilyError`: no limit is given, or one is not positive.
    public init(
        callMs: Double? = nil, realTimeFactor: Double? = nil, bytes: Int? = nil, memoryBytes: Int? = nil
    ) throws {
        let given = [callMs, realTimeFactor, bytes.map(Double.init), memoryBytes.map(Double.init)].compactMap { $0 }
        try demand(!given.isEmpty, "a budget needs a limit")
        try demand(
            given.allSatisfy { $0 > 0 && $0.isFinite }, "the limits of a budget are positive numbers, not \(given)")
        self.callMs = callMs
        self.realTimeFactor = realTimeFactor
        self.bytes = bytes
        self.memoryBytes = memoryBytes
    }
}

/// What a short measurement of one artifact on this device gave.
public struct Calibration: Sendable {
    let member: String
    let artifact: String
    let threads: Int
    /// The 90th percentile of the times of a call, in ms.
    let p90Ms: Double

    /// - Throws: `FamilyError`: it is not a measurement.
    public init(member: String, artifact: String, threads: Int = 1, p90Ms: Double) throws {
        try demand(
            (1...64).contains(threads) && p90Ms > 0 && p90Ms.isFinite, "\(p90Ms) ms with \(threads) threads is no time")
        self.member = member
        self.artifact = artifact
        self.threads = threads
        self.p90Ms = p90Ms
    }
}

/// Whether a candidate keeps all limits; `unknown`: nothing is known about this device.
public enum Fits: String, Sendable {
    case yes, no, unknown
}

/// The rule that decided about one limit ("time", "memory", "bytes"), and the measured devices that it is from.
public struct Rule: Equatable, Sendable {
    public let limit: String
    public let rule: String
    public let devices: [String]
}

/// A candidate: its expected time and memory without margin; nil: unknown.
public struct Option: Sendable {
    public let member: String
    public let artifact: String
    public let threads: Int
    public let bytes: Int
    public let timeMs: Double?
    public let memoryBytes: Double?
    public let fits: Fits
}

/// The picked candidate, the rules that decided, and all candidates from the smallest member to the largest.
public struct Pick: Sendable {
    public let member: String
    public let artifact: String
    public let threads: Int
    public let fits: Fits
    public let rules: [Rule]
    public let options: [Option]
}

/// Returns the best member for a device and a budget, and the rules that decided.
///
/// The largest member is picked that has a candidate which keeps all limits; without one, the smallest member. Times are
/// those measured on this model, else on the most similar ones, else scaled by `calibration`.
/// `edge_export/bundle/picker.py` states the rules; the two agree on `tests/vectors/picker.json`.
func pick(
    _ manifest: Manifest, _ perf: Perf, _ facts: DeviceFacts, _ budget: Budget, _ calibration: Calibration? = nil
) throws -> Pick {
    let members = manifest.members.enumerated()
        .sorted { ($0.element.macs, $0.element.params, $0.offset) < ($1.element.macs, $1.element.params, $1.offset) }
        .map(\.element)
    let candidates = candidates(members, perf, facts)
    let formats = facts.runtimes.isEmpty ? "any format" : facts.runtimes.keys.sorted().joined(separator: ", ")
    guard let smallest = candidates.first else {
        throw FamilyError.invalid("no artifact of \(formats) has passed: build or verify the bundle again")
    }
    try demand(
        budget.realTimeFactor == nil || members.contains { $0.io.stream != nil },
        "no member of this family streams: give a time instead of a real-time factor")
    let measured = Measured(perf, facts, Set(candidates.map(\.key)))
    let times = measured.times(calibration)
    let memory = measured.memory()
    var limits: [Limit] = []
    if budget.callMs != nil || budget.realTimeFactor != nil {
        limits.append(Limit(name: "time", figures: times) { timeLimit($0.member, budget) })
    }
    if let most = budget.memoryBytes { limits.append(Limit(name: "memory", figures: memory) { _ in Double(most) }) }
    if let most = budget.bytes {
        let sizes = Dictionary(uniqueKeysWithValues: candidates.map { ($0.key, Double($0.bytes)) })
        let figures = Figures(rule: "manifest", devices: [], values: sizes)
        limits.append(Limit(name: "bytes", figures: figures) { _ in Double(most) })
    }

    func fits(_ candidate: Candidate) -> Fits {
        var verdict = Fits.yes
        for limit in limits {
            guard let most = limit.of(candidate) else { return .no }
            if limit.figures.rule == "smallest" {
                verdict = .unknown
            } else if !limit.figures.holds(candidate.key, most) {
                return .no
            }
        }
        return verdict
    }

    func rank(_ candidate: Candidate) -> (Int, Double, Int, Int, String) {
        let time = times.values[candidate.key] ?? .infinity
        return (fits(candidate) == .no ? 1 : 0, time, candidate.bytes, candidate.threads, candidate.artifact.label)
    }

    let name = (candidates.last { fits($0) == .yes } ?? smallest).member.name
    let best = candidates.filter { $0.member.name == name }.min { rank($0) < rank($1) } ?? smallest
    return Pick(
        member: best.member.name, artifact: best.artifact.label, threads: best.threads, fits: fits(best),
        rules: limits.map { Rule(limit: $0.name, rule: $0.figures.rule, devices: $0.figures.devices) },
        options: candidates.map {
            Option(
                member: $0.member.name, artifact: $0.artifact.label, threads: $0.threads, bytes: $0.bytes,
                timeMs: times.values[$0.key], memoryBytes: memory.values[$0.key], fits: fits($0))
        })
}

private struct Candidate {
    let member: Member
    let artifact: Artifact
    let threads: Int
    let bytes: Int
    var key: Key { Key(member: member.name, artifact: artifact.label, threads: threads) }
}

private struct Limit {
    let name: String
    let figures: Figures
    let of: (Candidate) -> Double?
}

private func candidates(_ members: [Member], _ perf: Perf, _ facts: DeviceFacts) -> [Candidate] {
    var threads: [[String]: Set<Int>] = [:]
    for device in perf.devices where !device.facts.emulated {
        for each in device.artifacts where each.timeMs != nil || each.peakMemoryBytes != nil {
            threads[[each.member, each.artifact], default: []].insert(each.threads)
        }
    }
    return members.flatMap { member in
        member.artifacts.flatMap { artifact -> [Candidate] in
            let runs = facts.runtimes.isEmpty || facts.runtimes[artifact.format] != nil
            guard let file = artifact.file, artifact.status == .passed, runs else { return [] }
            let counts = threads[[member.name, artifact.label]] ?? [1]
            return counts.sorted().map { Candidate(member: member, artifact: artifact, threads: $0, bytes: file.bytes) }
        }
    }
}

/// Returns the longest time of a call in ms; nil: there is none, as the member does not stream.
private func timeLimit(_ member: Member, _ budget: Budget) -> Double? {
    guard let factor = budget.realTimeFactor else { return budget.callMs }
    guard let stream = member.io.stream else { return nil }
    let limit = factor * (1000 * Double(stream.samples) / Double(stream.sampleRate))
    return min(limit, budget.callMs ?? limit)
}
