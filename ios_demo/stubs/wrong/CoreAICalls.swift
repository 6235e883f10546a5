// Calls that Core AI does not have: the check of types must refuse each, for the reason that stands behind it.
import CoreAI
import Foundation

func wrong(_ function: InferenceFunction) async throws {
    _ = try AIModel(contentsOf: URL(fileURLWithPath: "/"))  // expected-error {{not marked with 'await'}} expected-note {{is 'async'}}
    let _ = try await function.run(inputs: ["x": [1.0]])  // expected-error {{'NDArray'}}
    _ = NDArray(scalars: [Float](), shape: 1)  // expected-error {{expected argument type '[Int]'}}
}
