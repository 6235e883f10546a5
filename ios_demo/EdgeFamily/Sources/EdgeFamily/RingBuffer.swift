import CRing

/// A ring of samples between two threads: one writes, one reads, none waits.
///
/// `@unchecked Sendable`: the writing thread alone moves `written` and touches free samples, the reading thread alone
/// moves `read` and touches samples that are there. Both places are atomic.
final class RingBuffer: @unchecked Sendable {
    /// The most samples that it holds.
    let capacity: Int
    private let values: UnsafeMutablePointer<Float>
    private let written: UnsafeMutablePointer<ring_place>
    private let read: UnsafeMutablePointer<ring_place>

    /// - Precondition: `capacity` is positive.
    init(capacity: Int) {
        precondition(capacity > 0, "a ring of \(capacity) samples holds nothing")
        self.capacity = capacity
        values = .allocate(capacity: capacity)
        values.initialize(repeating: 0, count: capacity)
        written = .allocate(capacity: 1)
        written.initialize(to: ring_place())
        read = .allocate(capacity: 1)
        read.initialize(to: ring_place())
    }

    deinit {
        values.deallocate()
        written.deallocate()
        read.deallocate()
    }

    /// The samples that can be read now.
    var available: Int { Int(ring_place_get(written) - ring_place_get(read)) }

    /// The samples that can be written now.
    var free: Int { capacity - available }

    /// Writes as many samples as there is room for, and returns their number. Called by the writing thread alone.
    func write(_ source: UnsafeBufferPointer<Float>) -> Int {
        let count = min(source.count, free)
        let place = ring_place_get(written)
        let start = Int(place % Int64(capacity))
        let first = min(count, capacity - start)
        for index in 0..<first { values[start + index] = source[index] }
        for index in first..<count { values[index - first] = source[index] }
        ring_place_set(written, place + Int64(count))
        return count
    }

    /// Reads as many samples as there are, and returns their number. Called by the reading thread alone.
    func read(into target: UnsafeMutableBufferPointer<Float>) -> Int {
        let count = min(target.count, available)
        let place = ring_place_get(read)
        let start = Int(place % Int64(capacity))
        let first = min(count, capacity - start)
        for index in 0..<first { target[index] = values[start + index] }
        for index in first..<count { target[index] = values[index - first] }
        ring_place_set(read, place + Int64(count))
        return count
    }
}
