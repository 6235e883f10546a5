// Calls that ExecuTorch does not have: the check of types must refuse each, for the reason that stands behind it.
import ExecuTorch
import Foundation

func wrong(_ module: Module, _ value: Value) throws {
    _ = Module(filePath: URL(fileURLWithPath: "/"), loadMode: .mmap)  // expected-error {{expected argument type 'String'}}
    try module.load(at: "forward")  // expected-error {{extraneous argument label}}
    _ = try module.forward("x")  // expected-error {{expected argument type '[any ValueConvertible]'}}
    _ = value.array  // expected-error {{has no member 'array'}}
}
