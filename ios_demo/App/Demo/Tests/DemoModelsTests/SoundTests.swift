import XCTest

@testable import DemoModels

final class SoundTests: XCTestCase {
    private func tone(_ rate: Int, _ count: Int) -> [Float] {
        (0..<count).map { Float(0.25 * sin(2 * Double.pi * 440 * Double($0) / Double(rate))) }
    }

    func testASongOfAnyRateHasTheMembersRate() throws {
        for rate in [8_000, 44_100, 48_000] {
            let found = try Sound(rate: rate, channels: [tone(rate, rate / 2)]).at(16_000)
            XCTAssertEqual(found.rate, 16_000)
            XCTAssertEqual(found.samples, 8_000)
            let wanted = tone(16_000, 8_000)
            for n in 500..<7_500 { XCTAssertEqual(found.channels[0][n], wanted[n], accuracy: 1e-3, "\(rate) \(n)") }
        }
    }

    func testMoreThanTwoChannelsBecomeTheirMean() throws {
        let sound = try Sound(rate: 16_000, channels: [[0.3, .nan], [0, 0.6], [0, 0]]).atMostStereo()
        XCTAssertEqual(sound.channels.count, 1)
        XCTAssertEqual(sound.channels[0][0], 0.1, accuracy: 1e-6)
        XCTAssertEqual(sound.channels[0][1], 0.2, accuracy: 1e-6)
        XCTAssertEqual(try Sound(rate: 8_000, channels: [[1], [2]]).atMostStereo().channels, [[1], [2]])
    }

    func testSoundsThatAreNoneAreRefused() {
        func trouble(_ rate: Int, _ channels: [[Float]]) -> Trouble? {
            do {
                _ = try Sound(rate: rate, channels: channels)
                return nil
            } catch { return (error as? AppError)?.trouble }
        }
        XCTAssertEqual(trouble(16_000, [[]]), .empty)
        XCTAssertEqual(trouble(1_000, [[Float](repeating: 0, count: 600_001)]), .tooLong)
        XCTAssertEqual(trouble(0, [[0]]), .decoder)
        XCTAssertEqual(trouble(16_000, []), .decoder)
        XCTAssertNil(trouble(1_000, [[Float](repeating: 0, count: 600_000)]))
    }

    func testPeaksAreThoseOfEachPart() throws {
        let sound = try Sound(rate: 8_000, channels: [[0, -0.5, 0.25, 0], [0, 0, 0, 0.75]])
        XCTAssertEqual(sound.peaks(2), [0.5, 0.75])
        XCTAssertEqual(sound.peaks(8).count, 8)
    }
}
