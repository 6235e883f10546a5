import XCTest

@testable import DemoModels

@MainActor
final class DigitModelTests: XCTestCase {
    private let one: [(Double, Double)] = [(0.5, 0.1), (0.5, 0.5), (0.5, 0.9)]
    private let seven: [(Double, Double)] = [(0.25, 0.12), (0.75, 0.12), (0.6, 0.45), (0.45, 0.9)]
    private let zero = (0...40).map { step -> (Double, Double) in
        let angle = Double.pi * Double(step) / 20
        return (0.5 + 0.22 * sin(angle), 0.5 - 0.4 * cos(angle))
    }

    private func draw(_ model: DigitModel, _ points: [(Double, Double)]) {
        for (x, y) in points { model.draw(Ink.Point(x, y)) }
        model.endStroke()
    }

    func testDigitsThatAreDrawnAreRead() async throws {
        try await withScratch { scratch in
            let session = session(scratch)
            let model = session.digit
            XCTAssertEqual(model.title, "Draw a digit.")
            for (digit, points) in [("0", zero), ("1", one), ("7", seven)] {
                draw(model, points)
                await session.idle()
                XCTAssertEqual(session.trouble, "")
                XCTAssert(model.title.hasPrefix("It is \(digit) ("), model.title)
                let reading = try XCTUnwrap(model.reading)
                XCTAssertEqual(reading.shares.reduce(0, +), 1, accuracy: 1e-4)
                XCTAssertEqual(model.words(reading.best).label, digit)
                model.clear()
                XCTAssertEqual(model.title, "Draw a digit.")
                XCTAssert(model.ink.isEmpty)
            }
        }
    }

    func testWhatIsDrawnBeforeTheFamilyIsOpenIsReadAndAnotherEngineReadsItAgain() async throws {
        try await withScratch { scratch in
            let session = session(scratch)
            draw(session.digit, seven)
            await session.idle()
            XCTAssertEqual(session.digit.reading?.choice.engine, "executorch")
            session.engineId = "coreml-cpu"
            await session.idle()
            XCTAssertEqual(session.digit.reading?.choice.engine, "coreml-cpu")
            XCTAssert(session.digit.title.hasPrefix("It is 7"), session.digit.title)
        }
    }

    func testAnAnswerForADrawingThatIsGoneIsNotShown() async throws {
        try await withScratch { scratch in
            let session = session(scratch, engines: [executorch])
            await session.idle()
            draw(session.digit, seven)
            session.digit.clear()
            await session.idle()
            XCTAssertNil(session.digit.reading)
            session.screen = .digit
            XCTAssert(session.choice.hasPrefix("w0.25 ("), session.choice)
        }
    }
}
