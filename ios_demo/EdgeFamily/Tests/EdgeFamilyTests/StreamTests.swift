import XCTest

@testable import EdgeFamily

final class StreamTests: XCTestCase {
    private let io = Late.io(4, 2, 5)

    func testRecordingsAreCutIntoTheCallsOfPythonAndStemsPutTogetherAsThere() async throws {
        for each in try vectors("streams").map(JSON.object) {
            let name: String = try each.read("name")
            let io = Late.io(try each.read("hop"), try each.read("frames_per_call"), try each.read("delay"))
            let recording = (try each.read("recording") as [Double]).map(Float.init)
            var calls: [JSON] = try each.read("calls")
            let late = try await Late.member(io)
            let run: Call = { inputs in
                let call = calls.removeFirst()
                for (input, values) in call["inputs"]!.object {
                    let wanted = try [Double](values, input).map(Float.init)
                    let given = try inputs[input]?.floats()
                    XCTAssertEqual(wanted, given, name)
                }
                return try await late.call(inputs)
            }
            let sound = try Tensor([1, 1, recording.count], recording)
            let outputs = try await streamEach(run, io, io.stream!, sound)
            let found = try XCTUnwrap(outputs["stems"])
            late.close()
            XCTAssert(calls.isEmpty, name)
            let wanted = (try each.read("result", "values") as [Double]).map(Float.init)
            XCTAssertEqual(try each.read("result", "shape"), found.shape, name)
            XCTAssertEqual(wanted, try found.floats(), name)
            let stream = try StemStream(try await Late.member(io), channels: 1)
            let stems = try await stream.separate([recording])
            await stream.close()
            XCTAssertEqual(wanted, stems.flatMap { $0[0] }, name)
        }
    }

    private func sound(_ channels: Int, _ samples: Int) -> [[Float]] {
        (0..<channels).map { channel in (0..<samples).map { 0.01 * Float(($0 + 1) * (channel + 1)) } }
    }

    func testStereoShortEmptyAndOddSoundsComeOutAlignedAndAsLong() async throws {
        for channels in 1...3 {
            for samples in [0, 1, 2, 7, 8, 9, 41] {
                let stream = try StemStream(try await Late.member(io), channels: channels)
                let sound = sound(channels, samples)
                for _ in 0..<2 {  // the second time shows that nothing is left of the first
                    let stems = try await stream.separate(sound)
                    XCTAssertEqual(stems[0], sound)
                    XCTAssertEqual(stems[1], sound.map { $0.map { -$0 } })
                }
                await stream.close()
            }
        }
    }

    func testLiveSoundInPiecesOfAnySizeIsTheSameSound() async throws {
        let sound = (1...202).map(Float.init)
        let stream = try StemStream(try await Late.member(io), channels: 2)
        let live = LiveStems(stream, channels: 2, seconds: 0)
        var heard: [Float] = []
        var offered = 0
        for _ in 0..<1000 where heard.count < sound.count {
            let part =
                offered < sound.count
                ? Array(sound[offered..<min(sound.count, offered + 10)]) : [Float](repeating: 0, count: 16)
            offered += part.withUnsafeBufferPointer { live.offer($0) }
            _ = try await live.process()
            heard += taken(live, 0, 6)
            _ = taken(live, 1, 6)
        }
        await stream.close()
        XCTAssertEqual(Array(heard.prefix(sound.count)), sound)
    }

    private func taken(_ live: LiveStems, _ stem: Int, _ most: Int) -> [Float] {
        var values = [Float](repeating: 0, count: most)
        let count = values.withUnsafeMutableBufferPointer { live.take(stem, into: $0) }
        return Array(values[..<count])
    }

    func testSoundThatDoesNotFitIsRefused() async throws {
        let stream = try StemStream(try await Late.member(io), channels: 2)
        var message = await refusal { try await stream.separate(self.sound(1, 8)) }
        XCTAssertEqual(message, "the sound has 1 channels, not 2")
        message = await refusal { try await stream.separate([self.sound(1, 8)[0], self.sound(1, 7)[0]]) }
        XCTAssertEqual(message, "channel 1 has 7 samples, not 8")
        var bad = sound(2, 8)
        bad[1][3] = .nan
        message = await refusal { [bad] in try await stream.push(bad) }
        XCTAssertEqual(message, "sample 3 of channel 1 is nan: a stream never forgets such a value")
        await stream.close()
        message = await refusal { try await stream.push(self.sound(2, 8)) }
        XCTAssertEqual(message, "the stream has no member: it is closed, or a switch failed")
    }

    func testAMemberThatIsSwitchedInStartsFromZeroAndFadesInOverOneCall() async throws {
        let ones = [[Float](repeating: 1, count: 8)]
        let stream = try StemStream(try await Late.member(io), channels: 1)
        for _ in 0..<3 { _ = try await stream.push(ones) }
        await stream.switchTo { [io] in try await Late.member(io, gain: 3) }
        let faded = try await stream.push(ones)[0][0]
        XCTAssert((1...1.1).contains(faded[0]) && (2.9...3).contains(faded[7]), "\(faded)")
        XCTAssert(zip(faded, faded.dropFirst()).allSatisfy { $0 < $1 }, "\(faded)")
        let after = try await stream.push(ones)[0][0]
        XCTAssertEqual(after, [Float](repeating: 3, count: 8))
        await stream.close()
    }

    func testASwitchThatFailsIsOneErrorAndAnotherOneGoesOn() async throws {
        let ones = [[Float](repeating: 1, count: 8)]
        let stream = try StemStream(try await Late.member(io), channels: 1)
        _ = try await stream.push(ones)
        await stream.switchTo { throw FamilyError.invalid("the file is missing") }
        var message = await refusal { try await stream.push(ones) }
        XCTAssertEqual(message, "the file is missing")
        message = await refusal { try await stream.push(ones) }
        XCTAssertEqual(message, "the stream has no member: it is closed, or a switch failed")
        await stream.switchTo { try await Late.member(Late.io(4, 2, 6), "other") }
        message = await refusal { try await stream.push(ones) }
        XCTAssertEqual(message, "other streams otherwise than the member before it")
        await stream.switchTo { [io] in try await Late.member(io) }
        let samples = try await stream.push(ones)[0][0].count
        XCTAssertEqual(samples, 8)
        await stream.close()
    }
}

extension Late {
    static func member(_ io: Io, _ name: String) async throws -> LoadedMember { try await member(io, gain: 1, name) }
}
