/// Long work, one job after another: a process has one member loaded at a time.
@MainActor
final class WorkQueue {
    private var last: Task<Void, Never>?
    private var count = 0

    func add(_ job: @escaping @Sendable () async -> Void) {
        count += 1
        last = Task { [last] in
            await last?.value
            await job()
        }
    }

    /// Returns when no job is left, those that jobs add included.
    func idle() async {
        var seen = -1
        while seen != count {
            seen = count
            await last?.value
            await Task.yield()
        }
    }
}
