import Foundation

@testable import EdgeFamily

typealias Network = @Sendable ([String: Tensor]) throws -> [String: Tensor]

/// A loader whose network is a function, for what depends on no real one.
struct MadeUp: EngineLoader {
    let format = "made_up"
    let network: Network

    init(_ network: @escaping Network) { self.network = network }

    func version() async throws -> String { "made up" }

    func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine { MadeUpEngine(network) }

    func member(_ io: Io, own: Io? = nil, _ name: String = "m") async throws -> LoadedMember {
        try await LoadedMember.load(name, self, URL(fileURLWithPath: "/none"), own: own ?? io, io: io, threads: 1)
    }
}

private final class MadeUpEngine: Engine {
    private let network: Network

    init(_ network: @escaping Network) { self.network = network }

    func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] { try network(inputs) }
}

/// The first stem is the sound `delay` samples ago, the second its negative, as in `tests/vectors/make_vectors.py`.
enum Late {
    static func io(_ hop: Int, _ frames: Int, _ delay: Int) -> Io {
        let size = hop * frames
        return Io(
            [TensorSpec("audio", [1, 1, size]), TensorSpec("state", [1, delay])],
            [TensorSpec("stems", [1, 2, 1, size]), TensorSpec("next_state", [1, delay])],
            feedback: [["next_state", "state"]],
            stream: Stream(
                sampleRate: 8000, hop: hop, framesPerCall: frames, delay: delay, stems: ["same", "negative"]))
    }

    static func member(_ io: Io, gain: Float = 1, _ name: String = "m") async throws -> LoadedMember {
        let size = io.inputs[0].shape[2]
        return try await MadeUp { inputs in
            let late = try inputs["state"]!.floats() + inputs["audio"]!.floats()
            let out = late[..<size].map { gain * $0 }
            return [
                "stems": try Tensor([1, 2, 1, size], out + out.map { -$0 }),
                "next_state": try Tensor([1, late.count - size], Array(late[size...])),
            ]
        }.member(io, name)
    }
}

extension MadeUp {
    func member(_ io: Io, _ name: String) async throws -> LoadedMember { try await member(io, own: nil, name) }
}
