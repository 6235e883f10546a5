import Foundation

/// A separator that streams: sound in, stems out, state fed back.
///
/// It owns its member. Sound is planar: one array per channel, float32. If the sound has more channels than the member,
/// each group of channels has a state of its own. One `push` or `separate` at a time: another one is refused, as sound
/// would go astray.
public actor StemStream {
    /// The calls that a new member hears again when it takes over.
    static let warmUpCalls = 8

    /// Size of a call, sample rate, delay, names of the stems.
    public nonisolated let stream: Stream
    private let channels: Int
    private var member: LoadedMember?
    private var next: (@Sendable () async throws -> LoadedMember)?
    private var lanes: [Lane]
    private var history: [[[Float]]] = []
    private var isPushing = false

    /// - Parameter channels: The channels of the sound: a multiple of those of the member.
    /// - Throws: `FamilyError`: the member does not stream, or its channels do not divide `channels`.
    public init(_ member: LoadedMember, channels: Int) throws {
        stream = try StemStream.stream(of: member)
        lanes = try Lane.of(member, channels)
        self.member = member
        self.channels = channels
    }

    /// Separates a recording of any length, from a state of zeros; the state is zero afterwards.
    ///
    /// - Returns: `[stem][channel][sample]`, aligned with the sound and as long.
    /// - Throws: `FamilyError`: the sound does not fit, or the engine failed in a call.
    public func separate(_ sound: [[Float]]) async throws -> [[[Float]]] {
        let samples = sound.first?.count ?? 0
        try check(sound, samples)
        try claim()
        defer { isPushing = false }
        let silence = [[Float]](repeating: [Float](repeating: 0, count: samples), count: channels)
        var result = [[[Float]]](repeating: silence, count: stream.stems.count)
        if samples == 0 { return result }
        try reset()
        for call in 0..<stream.callsFor(samples) {
            let start = call * stream.samples
            let block = sound.map { channel -> [Float] in
                let part = Array(channel[min(start, samples)..<min(start + stream.samples, samples)])
                return part + [Float](repeating: 0, count: stream.samples - part.count)
            }
            let stems = try await pushed(block)
            let first = start - stream.delay
            for stem in stems.indices {
                for channel in 0..<channels {
                    for index in max(0, -first)..<max(max(0, -first), min(stream.samples, samples - first)) {
                        result[stem][channel][first + index] = stems[stem][channel][index]
                    }
                }
            }
        }
        try reset()
        return result
    }

    /// Runs one call.
    ///
    /// - Parameter block: `Stream.samples` of each channel.
    /// - Returns: `[stem][channel][sample]`, `Stream.delay` samples behind the input.
    /// - Throws: `FamilyError`: the block does not fit, the engine failed in the call, it is closed, or a switch failed.
    public func push(_ block: [[Float]]) async throws -> [[[Float]]] {
        try check(block, stream.samples)
        try claim()
        defer { isPushing = false }
        return try await pushed(block)
    }

    private func claim() throws {
        if isPushing { throw FamilyError.misuse("a block is being pushed: wait until push has returned") }
        isPushing = true
    }

    private func pushed(_ block: [[Float]]) async throws -> [[[Float]]] {
        guard let load = next else {
            guard let member else {
                throw FamilyError.misuse("the stream has no member: it is closed, or a switch failed")
            }
            let stems = try await run(member, block)
            remember(block)
            return stems
        }
        var before: [[[Float]]]?
        if let member { before = try await run(member, block) }
        let loaded = try await changed(load)
        let after = try await run(loaded, block)
        remember(block)
        return before.map { StemStream.faded($0, after) } ?? after
    }

    /// Switches to another member with the next call of `push`.
    ///
    /// The old member runs that call and is closed; the new one is loaded, starts from a state of zeros, hears the last
    /// `warmUpCalls` calls again and runs the same call. The output goes from the one to the other in a cross-fade over
    /// that call, so there is no click. If the load fails, `push` throws and the sound of that call is lost; switch to a
    /// member that works to go on.
    ///
    /// - Parameter load: Loads the member. It is called when the old one is closed.
    public func switchTo(_ load: @escaping @Sendable () async throws -> LoadedMember) { next = load }

    /// Starts again from a state of zeros.
    public func reset() throws {
        for index in lanes.indices { try lanes[index].reset() }
        history = []
    }

    /// Closes the member. It may be called twice.
    public func close() {
        member?.close()
        member = nil
    }

    private func changed(_ load: @Sendable () async throws -> LoadedMember) async throws -> LoadedMember {
        close()
        next = nil
        let loaded = try await load()
        do {
            try demand(
                try StemStream.stream(of: loaded) == stream,
                "\(loaded.name) streams otherwise than the member before it")
            lanes = try Lane.of(loaded, channels)
            for block in history { _ = try await run(loaded, block) }
        } catch {
            loaded.close()
            throw error
        }
        member = loaded
        return loaded
    }

    private func run(_ member: LoadedMember, _ block: [[Float]]) async throws -> [[[Float]]] {
        var result = [[[Float]]](repeating: [], count: stream.stems.count)
        for index in lanes.indices {
            var lane = lanes[index]
            let stems = try await lane.run(member, block)
            lanes[index] = lane
            for (stem, parts) in stems.enumerated() { result[stem] += parts }
        }
        return result
    }

    private func remember(_ block: [[Float]]) {
        history.append(block)
        if history.count > StemStream.warmUpCalls { history.removeFirst() }
    }

    private static func faded(_ before: [[[Float]]], _ after: [[[Float]]]) -> [[[Float]]] {
        zip(before, after).map { old, new in
            zip(old, new).map { old, new in
                new.indices.map { index in
                    let share = Float(0.5 - 0.5 * cos(Double.pi * (Double(index) + 0.5) / Double(new.count)))
                    return old[index] + share * (new[index] - old[index])
                }
            }
        }
    }

    private func check(_ sound: [[Float]], _ samples: Int) throws {
        try demand(sound.count == channels, "the sound has \(sound.count) channels, not \(channels)")
        for (channel, values) in sound.enumerated() {
            try demand(values.count == samples, "channel \(channel) has \(values.count) samples, not \(samples)")
            if let bad = values.firstIndex(where: { !$0.isFinite }) {
                throw FamilyError.invalid(
                    "sample \(bad) of channel \(channel) is \(values[bad]): a stream never forgets such a value")
            }
        }
    }

    private static func stream(of member: LoadedMember) throws -> Stream {
        let io = member.io
        guard let stream = io.stream else { throw FamilyError.invalid("\(member.name) does not stream") }
        let audio = io.inputs[0].shape
        let fits =
            audio.count == 3 && audio[0] == 1 && io.outputs[0].shape == [1, stream.stems.count, audio[1], audio[2]]
            && io.inputs[0].dtype == .float32 && io.outputs[0].dtype == .float32
            && Set(io.inputs.dropFirst().map(\.name)) == Set(io.state.map(\.sink))
        try demand(fits, "\(member.name) streams, but not sound of float32 (1, channels, samples) into stems")
        return stream
    }
}

/// A group of channels and its state.
private struct Lane {
    private let io: Io
    private let channels: Range<Int>
    private var state: [String: Tensor]

    static func of(_ member: LoadedMember, _ channels: Int) throws -> [Lane] {
        let each = member.io.inputs[0].shape[1]
        try demand(
            channels >= each && channels % each == 0,
            "\(member.name) takes \(each) channels: \(channels) is no multiple")
        return try stride(from: 0, to: channels, by: each).map { try Lane(member.io, $0..<$0 + each) }
    }

    private init(_ io: Io, _ channels: Range<Int>) throws {
        self.io = io
        self.channels = channels
        state = try io.zeroState()
    }

    mutating func reset() throws { state = try io.zeroState() }

    /// Returns `[stem][channel][sample]` of its channels.
    mutating func run(_ member: LoadedMember, _ block: [[Float]]) async throws -> [[[Float]]] {
        let audio = io.inputs[0]
        let sound = try Tensor(audio.shape, block[channels].flatMap { $0 })
        let outputs = try await member.call(state.merging([audio.name: sound]) { $1 })
        state = io.nextState(outputs)
        let stems = try outputs[io.outputs[0].name]?.floats() ?? []
        let size = audio.shape[2]
        return (0..<stems.count / (channels.count * size)).map { stem in
            (0..<channels.count).map { channel in
                let start = (stem * channels.count + channel) * size
                return Array(stems[start..<start + size])
            }
        }
    }
}
