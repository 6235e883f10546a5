import XCTest

@testable import EdgeFamily

final class SafetensorsTests: XCTestCase {
    func testFilesAreReadOrRefusedAsInPython() async throws {
        for each in try vectors("safetensors") {
            let name = try String(each["name"]!, "name")
            let content = bytes(try String(each["hex"]!, "hex"))
            guard let arrays = each["arrays"], arrays != .null else {
                let message = await refusal(name) { try Safetensors.parse(content, "x") }
                XCTAssertEqual(message.contains("has a name twice"), name.contains("twice"), message)
                continue
            }
            let found = try Safetensors.parse(content, "x")
            try assertHolds(arrays.object, found, name)
            try assertHolds(arrays.object, try Safetensors.parse([UInt8](Safetensors.content(found)), "x"), name)
        }
    }

    func testHeadersThatClaimTooMuchAreRefusedBeforeAnythingIsAllocated() async {
        for size in [UInt64.max, 1 << 63, 1 << 32, 100_000_001] {
            let head = (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * UInt64($0))) }
            let message = await refusal { try Safetensors.parse(head + [0x7B, 0x7D], "x") }
            XCTAssertEqual(message, "x is truncated, or not a safetensors file")
        }
        let shape = "[\(Int.max), \(Int.max), 4]"
        let header = "{\"a\": {\"dtype\": \"F32\", \"shape\": \(shape), \"data_offsets\": [0, 8]}}"
        let message = await refusal {
            try Safetensors.parse(
                [UInt8(header.utf8.count)] + [UInt8](repeating: 0, count: 7) + Array(header.utf8), "x")
        }
        XCTAssertEqual(message, "the header of x: \"a\" is not an array")
    }

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
    }

    private func assertHolds(_ arrays: [String: JSON], _ tensors: [String: Tensor], _ name: String) throws {
        XCTAssertEqual(Set(arrays.keys), Set(tensors.keys), name)
        for (key, array) in arrays {
            let tensor = try XCTUnwrap(tensors[key])
            XCTAssertEqual(try array.read("dtype"), tensor.dtype.rawValue)
            XCTAssertEqual(try array.read("shape"), tensor.shape)
            let values: [JSON] = try array.read("values")
            XCTAssertEqual(values.count, tensor.count)
            for (index, value) in values.enumerated() {
                XCTAssert(same(tensor, index, value), "\(name) \(key)[\(index)]")
            }
        }
    }

    private func same(_ tensor: Tensor, _ index: Int, _ value: JSON) -> Bool {
        tensor.withUnsafeBytes { bytes in
            func at<T>(_ type: T.Type) -> T {
                bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: type)
            }
            switch (tensor.dtype, value) {
            case (.float32, .number(let wanted)): return at(Float.self) == Float(wanted)
            case (.float32, .integer(let wanted)): return at(Float.self) == Float(wanted)
            case (.int8, .integer(let wanted)): return Int(at(Int8.self)) == wanted
            case (.int64, .integer(let wanted)): return Int(at(Int64.self)) == wanted
            case (.bool, .bool(let wanted)): return (at(UInt8.self) != 0) == wanted
            case (.float16, .number(let wanted)): return at(UInt16.self) == 0x4100 && wanted == 2.5
            default: return false
            }
        }
    }
}
