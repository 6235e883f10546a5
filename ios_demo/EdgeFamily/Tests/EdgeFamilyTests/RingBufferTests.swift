import XCTest

@testable import EdgeFamily

final class RingBufferTests: XCTestCase {
    func testItTakesWhatFitsAndGivesWhatIsThere() {
        let ring = RingBuffer(capacity: 5)
        XCTAssertEqual(read(ring, 9), [])
        XCTAssertEqual(write(ring, [0, 1, 2, 3, 4, 5, 6]), 5)
        XCTAssertEqual(ring.free, 0)
        XCTAssertEqual(read(ring, 3), [0, 1, 2])
        XCTAssertEqual(write(ring, [12, 13, 14, 15, 16]), 3)
        XCTAssertEqual(read(ring, 9), [3, 4, 12, 13, 14])
        XCTAssertEqual(ring.available, 0)
    }

    func testNothingIsLostBetweenTwoThreads() {
        let ring = RingBuffer(capacity: 97)
        let total = 50_000
        let writer = Thread {
            var next = 0
            while next < total {
                let part = (next..<min(next + 31, total)).map(Float.init)
                let count = part.withUnsafeBufferPointer { ring.write($0) }
                next += count
                if count == 0 { sched_yield() }
            }
        }
        writer.start()
        var expected = 0
        while expected < total {
            let part = read(ring, 53)
            XCTAssert(part.enumerated().allSatisfy { $0.element == Float(expected + $0.offset) })
            expected += part.count
            if part.isEmpty { sched_yield() }
        }
        XCTAssertEqual(ring.available, 0)
    }

    private func write(_ ring: RingBuffer, _ values: [Float]) -> Int {
        values.withUnsafeBufferPointer { ring.write($0) }
    }
}

func read(_ ring: RingBuffer, _ most: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: most) { buffer, used in
        buffer.initialize(repeating: -1)
        used = ring.read(into: buffer)
    }
}
