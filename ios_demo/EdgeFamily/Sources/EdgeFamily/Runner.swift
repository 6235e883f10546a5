import Foundation

/// Runs the items of a request folder on this device and leaves their results beside them.
///
/// All items run in this process. An error of an engine costs its item. If an engine ends the process, start it again:
/// finished items don't run again, and an item in which the process ended twice is failed. It holds nothing between two
/// calls of `run`.
public struct Runner: Sendable {
    private let loaders: [String: any EngineLoader]
    private let facts: DeviceFacts
    private let state: @Sendable () -> DeviceState

    /// What is told of an item while a request runs. The raw value is the word that all runners use.
    public enum Step: String, Sendable {
        case started, done, failed, unsupported
        case finishedBefore = "finished before"
    }

    /// One step of an item. `reason` says why it failed or is unsupported.
    public struct Event: Sendable, Equatable {
        public let item: String
        public let step: Step
        public let reason: String

        /// The line by which the Mac that runs the app's tests hears of it.
        public var line: String { "edge_export: {\"item\": \"\(item)\", \"outcome\": \"\(step.rawValue)\"}" }
    }

    /// - Parameters:
    ///   - loaders: One for each format that can run here.
    ///   - facts: What is known of this device; the runner adds the states.
    ///   - state: What may slow the device down now.
    public init(
        _ loaders: [any EngineLoader], _ facts: DeviceFacts,
        state: @escaping @Sendable () -> DeviceState = { ThisDevice.state() }
    ) {
        self.loaders = Dictionary(loaders.map { ($0.format, $0) }) { $1 }
        self.facts = facts
        self.state = state
    }

    /// Runs every item that is not finished.
    ///
    /// - Parameters:
    ///   - folder: Where `request.json` and the files of the request are.
    ///   - results: Where `device.json` and the folder `results` are written; nil: in `folder`.
    ///   - tell: Called when an item starts and when it ends.
    /// - Returns: Whether every item is finished. False: an engine hangs; end this process and start it again.
    /// - Throws: `FamilyError`: the request is not valid, another runner works on it, or the folder can't be written.
    public func run(
        _ folder: URL, results: URL? = nil, tell: @Sendable (Event) -> Void = { _ in }
    ) async throws -> Bool {
        let file = folder.appendingPathComponent(Request.file)
        let request = try Request(try JSON.read(file), file.path)
        let sources = Sources(artifacts: folder, inputs: folder)
        return try await run(request, sources, results: results ?? folder, tell: tell) != nil
    }

    /// Where the files of a request are.
    struct Sources: Sendable {
        let artifacts: URL
        let inputs: URL
    }

    /// Runs every item that is not finished. Returns the facts with both states; nil: an engine hangs.
    func run(
        _ request: Request, _ sources: Sources, results: URL, tell: @Sendable (Event) -> Void
    ) async throws -> DeviceFacts? {
        let lock = try FolderLock(results)
        defer { lock.free() }
        var told = facts
        told.before = state()
        try write(told, results)
        for item in request.items {
            if isFinished(results, request, item) {
                tell(Event(item: item.id, step: .finishedBefore, reason: ""))
                continue
            }
            tell(Event(item: item.id, step: .started, reason: ""))
            let (status, hangs) = try await finish(sources, results.appendingPathComponent("results"), request, item)
            tell(Event(item: item.id, step: Step(rawValue: status.outcome.rawValue) ?? .failed, reason: status.reason))
            if hangs { return nil }
        }
        told.after = state()
        try write(told, results)
        return told
    }

    /// Writes `device.json` alone: what this device says of itself. `folder` must exist.
    public func writeFacts(_ folder: URL) throws {
        var told = facts
        told.before = state()
        try write(told, folder)
    }

    private func write(_ facts: DeviceFacts, _ folder: URL) throws {
        try writeWhole(folder.appendingPathComponent("device.json"), try encoded(facts))
    }

    private func isFinished(_ folder: URL, _ request: Request, _ item: Item) -> Bool {
        let file = folder.appendingPathComponent("results/\(item.id)/\(ItemStatus.file)")
        guard let fields = try? Fields(try JSON.read(file), file.path) else { return false }
        return (try? fields.get("run_id")) == request.runId && (try? fields.get("item")) == item.id
    }

    /// Runs one item and writes its results. Returns its status, and whether it still runs.
    private func finish(_ sources: Sources, _ results: URL, _ request: Request, _ item: Item) async throws -> (
        ItemStatus, Bool
    ) {
        let staged = results.appendingPathComponent(".\(item.id).part")
        let starts = results.appendingPathComponent(".\(item.id).starts")
        let earlier = startsOf(starts, request)
        let files = FileManager.default
        try? files.removeItem(at: staged)
        try translated("\(staged.path) can't be made") {
            try files.createDirectory(at: staged, withIntermediateDirectories: true)
        }
        var status = ItemStatus(runId: request.runId, item: item.id)
        status.before = state()
        var hangs = false
        if earlier >= 2 {
            status.outcome = .failed
            status.reason = "the process ended twice in this item: the engine crashed, or the system ended it"
        } else {
            try writeWhole(starts, Data("\(request.runId) \(earlier + 1)".utf8))
            let base = status
            if let ended = try await within(item.timeoutS, { try await runItem(sources, item, staged, base) }) {
                status = ended
            } else {
                hangs = true
                status.outcome = .failed
                status.reason = "it took longer than its time limit of \(item.timeoutS) s"
            }
        }
        if status.outcome != .done {
            for name in (try? files.contentsOfDirectory(atPath: staged.path)) ?? [] {
                try? files.removeItem(at: staged.appendingPathComponent(name))
            }
        }
        status.after = state()
        try writeWhole(staged.appendingPathComponent(ItemStatus.file), try encoded(status))
        let final = results.appendingPathComponent(item.id)
        try? files.removeItem(at: final)
        try translated("\(final.path) can't be written") { try files.moveItem(at: staged, to: final) }
        try? files.removeItem(at: starts)
        return (status, hangs)
    }

    private func startsOf(_ file: URL, _ request: Request) -> Int {
        let words = readOrNil(file.path)?.split(separator: " ") ?? []
        return words.count == 2 && words[0] == request.runId ? Int(words[1]) ?? 0 : 0
    }

    private func runItem(
        _ sources: Sources, _ item: Item, _ staged: URL, _ base: ItemStatus
    ) async throws -> ItemStatus {
        var status = base
        do {
            let artifact = try item.artifact.checked(in: sources.artifacts)
            let inputs = try item.inputs.checked(in: sources.inputs)
            guard let loader = loaders[item.format] else {
                throw FamilyError.unsupported("this runner has no engine for the format \(item.format)")
            }
            status.runtime = try await version(of: loader)
            let samples = try Safetensors.read(inputs)
            let job = Job(item: item, samples: samples, count: try countSamples(samples, item.memberIo)) {
                try await LoadedMember.load(
                    "\(item.member) \(item.label)", loader, artifact, own: item.io, io: item.memberIo,
                    threads: item.threads)
            }
            switch item.mode {
            case .verify: return try await job.verify(staged, status)
            case .bench: return try await job.bench(staged, status)
            case .memory: return try await job.memory(status)
            }
        } catch let fault as CantWrite {
            throw fault.error
        } catch {
            let known = error as? FamilyError
            if case .unsupported = known { status.outcome = .unsupported } else { status.outcome = .failed }
            status.reason = oneLine(known?.message ?? error.localizedDescription, limit: 1000)
            return status
        }
    }

    private func version(of loader: any EngineLoader) async throws -> String {
        do {
            return try await loader.version()
        } catch {
            let reason = (error as? FamilyError)?.message ?? error.localizedDescription
            throw FamilyError.unsupported("no engine for \(loader.format) works on this device: \(oneLine(reason))")
        }
    }
}

/// Runs `work` and returns its result, or nil after `seconds`. Then `work` goes on: nothing ends what hangs.
private func within<T: Sendable>(_ seconds: Double, _ work: @escaping @Sendable () async throws -> T) async throws -> T?
{
    try await withCheckedThrowingContinuation { continuation in
        let waiting = Locked<CheckedContinuation<T?, any Error>?>(continuation)
        @Sendable func answer(_ result: Result<T?, any Error>) {
            let first = waiting.use { waiting in
                defer { waiting = nil }
                return waiting
            }
            first?.resume(with: result)
        }
        let job: @Sendable () async -> Void = {
            do {
                answer(.success(try await work()))
            } catch {
                answer(.failure(error))
            }
        }
        Task.detached(operation: job)
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { answer(.success(nil)) }
    }
}

/// The lock of a folder of results: one runner at a time works on it.
private struct FolderLock {
    private let descriptor: Int32

    init(_ folder: URL) throws {
        descriptor = open(folder.appendingPathComponent(".lock").path, O_RDWR | O_CREAT, 0o644)
        try demand(descriptor >= 0, "\(folder.path) can't be written: \(String(cString: strerror(errno)))")
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw FamilyError.invalid("another runner works on \(folder.path): wait until it has ended")
        }
    }

    func free() { close(descriptor) }
}
