// Calls that Core ML does not have: the check of types must refuse each, for the reason that stands behind it.
import CoreML
import Foundation

func wrong(_ model: MLModel, _ array: MLMultiArray, _ provider: MLDictionaryFeatureProvider) async throws {
    _ = try await MLModel.compileModel(at: "a.mlpackage")  // expected-error {{expected argument type 'URL'}}
    _ = try MLModel.compileModel(at: URL(fileURLWithPath: "/"))  // expected-error {{not marked with 'await'}} expected-note {{is 'async'}}
    _ = try MLMultiArray(shape: [1, 2], type: .float32)  // expected-error {{incorrect argument label}}
    _ = array.strides.values  // expected-error {{has no member 'values'}}
    _ = provider.featureValue(for: 1)  // expected-error {{expected argument type 'String'}}
    _ = MLComputeUnits.neuralEngine  // expected-error {{has no member 'neuralEngine'}}
}
