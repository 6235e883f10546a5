import XCTest

@testable import EdgeFamily

final class StridedTests: XCTestCase {
    /// Rows of 4 padded to 32 elements, as Core ML gives them; all else is a number that must not be read.
    private let shape = [2, 3, 4]
    private let strides = [96, 32, 1]

    func testPaddedRowsAreReadAndWrittenElementByElement() throws {
        var array = [Float](repeating: -1, count: 192)
        for a in 0..<2 { for b in 0..<3 { for c in 0..<4 { array[96 * a + 32 * b + c] = Float(12 * a + 4 * b + c) } } }
        let tensor = try array.withUnsafeBytes { try Tensor(.float32, shape, strides: strides, at: $0.baseAddress!) }
        XCTAssertEqual(try tensor.floats(), (0..<24).map(Float.init))
        var target = [Float](repeating: -1, count: 192)
        try target.withUnsafeMutableBytes { try tensor.copy(to: $0.baseAddress!, strides: strides) }
        XCTAssertEqual(target, array)
    }

    func testAxesInAnotherOrderScalarsAndEmptyArraysAreRead() throws {
        let array = (0..<6).map(Float.init)
        try array.withUnsafeBytes { bytes in
            let turned = try Tensor(.float32, [3, 2], strides: [1, 3], at: bytes.baseAddress!)
            XCTAssertEqual(try turned.floats(), [0, 3, 1, 4, 2, 5])
            XCTAssertEqual(try Tensor(.float32, [], strides: [], at: bytes.baseAddress!).floats(), [0])
            XCTAssertEqual(try Tensor(.float32, [0, 2], strides: [2, 1], at: bytes.baseAddress!).floats(), [])
        }
    }

    func testStridesThatDoNotFitAreRefused() async {
        let array = [Float](repeating: 0, count: 6)
        for strides in [[1], [-1, 1], [1, 1, 1]] {
            await refusal("\(strides)") {
                try array.withUnsafeBytes { try Tensor(.float32, [2, 3], strides: strides, at: $0.baseAddress!) }
            }
        }
    }

    func testAFileOfOtherInputsOutputsOrTypesIsRefused() async {
        let io = Late.io(4, 1, 2)
        let inputs: ToldTensors = ["audio": (.float32, [1, 1, 4]), "state": (.float32, [1, 2])]
        let outputs: ToldTensors = ["stems": (.float32, [1, 2, 1, 4]), "next_state": (.float32, [1, 2])]
        XCTAssertNoThrow(try io.require(inputs: inputs, outputs: outputs))
        var message = await refusal { try io.require(inputs: outputs, outputs: outputs) }
        XCTAssertEqual(message, "the file has the inputs [\"next_state\", \"stems\"], not [\"audio\", \"state\"]")
        let small: ToldTensors = ["audio": (.float16, [1, 1, 4]), "state": (.float32, [1, 2])]
        message = await refusal { try io.require(inputs: small, outputs: outputs) }
        XCTAssertEqual(message, "audio is float16 [1, 1, 4] in the file, not float32 [1, 1, 4]")
        message = await refusal { try io.require(types: [.int32]) }
        XCTAssertEqual(message, "audio is float32: the engine takes [\"int32\"]")
    }
}
