import EdgeFamily
import Foundation
import Observation

/// The app's three screens.
public enum Screen: String, Codable, Sendable {
    case song, digit, members
}

/// What the app does and knows: the budget, the engine, the picks, and a model for each screen.
///
/// The screen, the budget and the engine are kept when the app ends; the pick follows from them.
/// Long work runs one after another: a process has one member loaded at a time.
@MainActor @Observable
public final class Session {
    private var choices: Choices
    /// The engines that work on this phone and for which the families have files.
    public private(set) var engines: [DemoEngine] = []
    private(set) var engine: DemoEngine?
    /// What went wrong last, in words. Empty: nothing.
    public private(set) var trouble = ""
    /// What the picker says for each family; nil: not yet.
    public private(set) var songPick: Pick?
    public private(set) var digitPick: Pick?

    @ObservationIgnored public private(set) lazy var song = SongModel(self)
    @ObservationIgnored public private(set) lazy var digit = DigitModel(self)
    @ObservationIgnored public private(set) lazy var members = MembersModel(self)

    @ObservationIgnored let given: Surroundings
    @ObservationIgnored let work = WorkQueue()
    @ObservationIgnored private(set) var families: [OpenFamily] = []
    @ObservationIgnored private(set) var facts = DeviceFacts()

    private nonisolated static let names = ["digits", "separator"]

    public init(_ given: Surroundings) {
        self.given = given
        choices = Choices(reading: Session.choicesFile(given))
        run { [given] in
            let families = try Session.opened(given)
            let formats = families.reduce(into: Set<String>()) { $0.formUnion($1.formats) }
            let engines = given.engines.filter { formats.contains($0.loader(nil).format) }
            let facts = await ThisDevice.facts(engines.map { $0.loader(nil) })
            await self.open(families, engines, facts)
        }
    }

    public var screen: Screen {
        get { choices.screen }
        set { choose { $0.screen = newValue } }
    }

    /// The pick of the family that the screen is about, in words.
    public var choice: String { Words.pick(screen == .digit ? digitPick : songPick) }

    /// The budget in words.
    public var budget: String { Words.budget(step) }

    /// The place of the budget's slider. A change picks again; a song goes on with the other member.
    public var step: Int {
        get { choices.step }
        set {
            if newValue == step { return }
            choose { $0.step = min(max(newValue, 0), Budgets.steps) }
            pickAgain()
        }
    }

    /// The same as a number that a slider takes.
    public var slider: Double {
        get { Double(step) }
        set { step = Int(newValue.rounded()) }
    }

    /// The id of the engine in which members run. A change picks again.
    public var engineId: String {
        get { engine?.id ?? "" }
        set {
            guard let chosen = engines.first(where: { $0.id == newValue }), newValue != engine?.id else { return }
            engine = chosen
            choose { $0.engine = chosen.id }
            pickAgain()
        }
    }

    private func choose(_ change: (inout Choices) -> Void) {
        change(&choices)
        choices.write(to: Session.choicesFile(given))
    }

    /// The system is short of memory: what is loaded is given up, and what the user has stays.
    public func memoryWarning() {
        if song.giveUpMember() { tell(AppError(.memory)) }
    }

    /// The app is not seen any more: the song pauses, and so does the member, which may not use the GPU now.
    public func leave() { song.leave() }

    /// The app is seen.
    public func enter() { song.enter() }

    /// Returns when no work is left.
    func idle() async { await work.idle() }

    private func open(_ families: [OpenFamily], _ engines: [DemoEngine], _ facts: DeviceFacts) {
        self.families = families
        self.facts = facts
        self.engines = engines.filter { facts.runtimes[$0.loader(nil).format] != nil }
        engine = self.engines.first { $0.id == choices.engine } ?? self.engines.first
        if engine == nil { tell(AppError(.runtime, "no engine for these families works here")) }
        pickAgain()
    }

    private nonisolated static func opened(_ given: Surroundings) throws -> [OpenFamily] {
        let there = names.filter {
            FileManager.default.fileExists(atPath: given.families.appendingPathComponent($0).path)
        }
        if there.isEmpty { throw AppError(.damaged, "there is none: see the page on iOS") }
        return try there.map { try OpenFamily($0, in: given.families, perf: perfFile(given, $0)) }
    }

    /// Where the measurements of a family are. The file has the name that it is shared by.
    nonisolated static func perfFile(_ given: Surroundings, _ family: String) -> URL {
        given.documents.appendingPathComponent("\(family)/perf.json")
    }

    /// Where the choices are. The system's app for files does not show the name.
    private nonisolated static func choicesFile(_ given: Surroundings) -> URL {
        given.documents.appendingPathComponent(".choices.json")
    }

    /// Reads the measurements again, and picks by them.
    func measured(_ families: [OpenFamily]) {
        self.families = families
        pickAgain()
    }

    var separator: OpenFamily? { families.first { $0.stream != nil } }

    var classifier: OpenFamily? { families.first { $0.isClassifier } }

    func choice(_ pick: Pick?) -> Choice? {
        guard let pick, let engine else { return nil }
        return Choice(member: pick.member, artifact: pick.artifact, threads: pick.threads, engine: engine.id)
    }

    /// The loader of a choice's engine, which keeps what it compiles.
    func loader(_ choice: Choice) throws -> any EngineLoader {
        guard let found = engines.first(where: { $0.id == choice.engine }) else {
            throw AppError(.runtime, choice.engine)
        }
        return found.loader(nil)
    }

    private func pickAgain() {
        guard let engine else { return }
        var own = facts
        let format = engine.loader(nil).format
        own.runtimes = facts.runtimes.filter { $0.key == format }
        let limit = Budgets.milliseconds(step)
        do {
            songPick = try separator?.pick(own, engine.id, callMs: limit)
            digitPick = try classifier?.pick(own, engine.id, callMs: limit)
        } catch {
            tell(AppError(error))
        }
        song.picked(choice(songPick))
        digit.picked(choice(digitPick))
    }

    func tell(_ error: AppError) { trouble = Words.trouble(error) }

    func clearTrouble() { trouble = "" }

    /// Runs `job` behind the work that waits. When it fails, the screen says why, and `after` takes back what it showed.
    func run(
        _ job: @escaping @Sendable () async throws -> Void, after: @escaping @MainActor @Sendable () -> Void = {}
    ) {
        work.add {
            do {
                try await job()
            } catch {
                let told = AppError(error)
                await MainActor.run {
                    after()
                    self.tell(told)
                }
            }
        }
    }
}
