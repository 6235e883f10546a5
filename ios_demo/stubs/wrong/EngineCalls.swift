// Faults in an engine of one's own: the check of types must refuse each, for the reason that stands behind it.
import EdgeFamily
import Foundation

final class Wrong: Engine {
    var calls = 0  // expected-error {{is mutable}}

    func call(_ inputs: [String: Tensor]) async throws -> [String: Tensor] { inputs }
}

func wrong(_ family: Family, _ loader: any EngineLoader) async throws {
    _ = try family.load("d1w1", "coreml-mlprogram-fp16", loader)  // expected-error {{not marked with 'await'}} expected-note {{is 'async'}}
    _ = try family.pick(DeviceFacts(), 10)  // expected-error {{expected argument type 'Budget'}}
}
