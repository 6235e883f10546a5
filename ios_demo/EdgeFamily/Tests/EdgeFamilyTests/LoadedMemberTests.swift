import XCTest

@testable import EdgeFamily

final class LoadedMemberTests: XCTestCase {
    private let io = Io(
        [TensorSpec("image", [1, 2, 2, 3], layout: "NCHW")], [TensorSpec("mask", [1, 2, 2, 3], layout: "NCHW")])
    private let own = Io(
        [TensorSpec("x", [1, 2, 3, 2], layout: "NHWC")], [TensorSpec("y", [1, 2, 3, 2], layout: "NHWC")])
    private let pixels = (0..<12).map(Float.init)

    private func load(_ network: @escaping Network) async throws -> LoadedMember {
        try await MadeUp(network).member(io, own: own, "w1 x")
    }

    func testAFileOfAnotherLayoutIsCalledInItsOwnAndAnswersInTheMembers() async throws {
        let given = Locked<[Float]>([])
        let member = try await load { inputs in
            try given.use { $0 = try inputs["x"]!.floats() }
            return ["y": inputs["x"]!]
        }
        defer { member.close() }
        let mask = try await member.call(["image": Tensor([1, 2, 2, 3], pixels)])["mask"]
        XCTAssertEqual(given.use { $0 }, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11])
        XCTAssertEqual(try mask?.floats(), pixels)
    }

    func testAFileOfOtherTypesAndWithoutTheBatchOfOneIsCalledInItsOwnAndAnswersInTheMembers() async throws {
        let io = Io([TensorSpec("ids", [1, 2], dtype: .int64)], [TensorSpec("flags", [1, 2], dtype: .bool)])
        let own = Io([TensorSpec("x", [2], dtype: .int32)], [TensorSpec("y", [2], dtype: .int32)])
        let given = Locked<Tensor?>(nil)
        let answer = try integers(.int32, [2], [1, 0])
        let network = MadeUp { inputs in
            given.use { $0 = inputs["x"] }
            return ["y": answer]
        }
        let member = try await network.member(io, own: own, "w1 x")
        defer { member.close() }
        let flags = try await member.call(["ids": integers(.int64, [1, 2], [-7, 2_147_483_647])])["flags"]
        XCTAssertEqual(given.use { $0 }, try integers(.int32, [2], [-7, 2_147_483_647]))
        XCTAssertEqual(flags, try integers(.bool, [1, 2], [1, 0]))
        let tooLarge = try integers(.int64, [1, 2], [0, 2_147_483_648])
        let message = await refusal { try await member.call(["ids": tooLarge]) }
        XCTAssertEqual(message, "x holds 2147483648, which is no int32")
    }

    func testEveryIntegerTypeHoldsItsEndsAndNoMore() async throws {
        for type in DType.allCases {
            guard let range = type.integers else { continue }
            let ends = try integers(.int64, [2], [range.lowerBound, range.upperBound])
            let (wide, own) = (TensorSpec("w", [2], dtype: .int64), TensorSpec("o", [2], dtype: type))
            XCTAssertEqual(try ends.crossed(from: wide, to: own).crossed(from: own, to: wide), ends, "\(type)")
            if type == .int64 { continue }
            let above = try integers(.int64, [2], [0, range.upperBound + 1])
            let message = await refusal { try above.crossed(from: wide, to: own) }
            XCTAssertEqual(message, "o holds \(range.upperBound + 1), which is no \(type)")
        }
    }

    private func integers(_ type: DType, _ shape: [Int], _ values: [Int64]) throws -> Tensor {
        let bytes = values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0.prefix(type.bytes)) } }
        return try Tensor(type, shape, bytes: bytes)
    }

    func testOneMemberIsLoadedAtATimeAndClosingOrForgettingFreesThePlace() async throws {
        let first = try await load { $0 }
        let message = await refusal { try await self.load { $0 } }
        XCTAssertEqual(message, "w1 x is loaded: close it before w1 x is loaded")
        first.close()
        first.close()
        let closed = await refusal { try await first.callOwn([:]) }
        XCTAssertEqual(closed, "w1 x is closed")
        do { _ = try await load { $0 } }
        try await load { $0 }.close()
    }

    func testASecondCallIsRefusedAndAMemberClosedInACallIsFreedAtItsEnd() async throws {
        let (began, ended) = (AsyncStream<Void>.makeStream(), AsyncStream<Void>.makeStream())
        struct Slow: EngineLoader {
            let format = "made_up"
            let engine: SlowEngine
            func version() async throws -> String { "" }
            func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine { engine }
        }
        let slow = Slow(engine: SlowEngine(began.continuation, ended.stream))
        let member = try await LoadedMember.load("m", slow, URL(fileURLWithPath: "/"), own: io, io: io, threads: 1)
        let first = Task { try await member.callOwn([:]) }
        for await _ in began.stream { break }
        let message = await refusal { try await member.callOwn([:]) }
        XCTAssertEqual(message, "a call of m runs: wait until it has returned")
        member.close()
        await refusal { try await self.load { $0 } }
        ended.continuation.yield()
        _ = await first.result
        try await load { $0 }.close()
    }

    func testALoadThatFailsFreesThePlace() async throws {
        struct Broken: EngineLoader {
            let format = "made_up"
            func version() async throws -> String { "" }
            func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
                throw FamilyError.invalid("no model")
            }
        }
        for _ in 0..<2 {
            let message = await refusal {
                try await LoadedMember.load(
                    "m", Broken(), URL(fileURLWithPath: "/"), own: self.io, io: self.io, threads: 1)
            }
            XCTAssertEqual(message, "m can't be loaded: no model")
        }
    }

    func testInputsOutputsAndEnginesThatDoNotFitAreRefused() async throws {
        let image = try Tensor([1, 2, 2, 3], pixels)
        let small = try Tensor(zeros: .float32, [1, 2])
        let cases: [(Network, [String: Tensor], String)] = [
            ({ $0 }, ["picture": image], "w1 x takes [\"image\"], not [\"picture\"]"),
            ({ $0 }, ["image": small], "w1 x takes float32 [1, 2, 2, 3] as image, not float32 [1, 2]"),
            ({ _ in ["y": small] }, ["image": image], "output y of w1 x is float32 [1, 2], not float32 [1, 2, 3, 2]"),
            ({ _ in [:] }, ["image": image], "w1 x gave no output y"),
            ({ _ in throw FamilyError.invalid("node 3") }, ["image": image], "w1 x failed in a call: node 3"),
        ]
        for (network, inputs, wanted) in cases {
            let member = try await load(network)
            let message = await refusal { try await member.call(inputs) }
            XCTAssertEqual(message, wanted)
            member.close()
        }
    }

    func testShapesThatAreNoneAreRefused() async {
        for shape in [[-1], [1 << 20, 1 << 20], [Int.max, Int.max]] {
            await refusal("\(shape)") { try Tensor(zeros: .float32, shape) }
        }
        let message = await refusal { try Tensor([2, 2], [1]) }
        XCTAssertEqual(message, "4 bytes don't fit float32 [2, 2]")
        await refusal { try Tensor(zeros: .int8, [2]).floats() }
    }
}

/// Says when a call begins, and ends it when it is told.
private final class SlowEngine: Engine {
    private let began: AsyncStream<Void>.Continuation
    private let ended: AsyncStream<Void>

    init(_ began: AsyncStream<Void>.Continuation, _ ended: AsyncStream<Void>) {
        self.began = began
        self.ended = ended
    }

    func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] {
        began.yield()
        for await _ in ended { break }
        return [:]
    }
}
