// Calls that SwiftUI does not have: the check of types must refuse each, for the reason that stands behind it.
import DemoModels
import SwiftUI

@MainActor
func wrong(_ session: Bindable<Session>, _ view: Text, _ path: Path) {
    _ = Text(session.wrappedValue.step)  // expected-error {{expected argument type 'String'}}
    _ = Slider(value: session.wrappedValue.slider, in: 0...100)  // expected-error {{expected argument type 'Binding<Double>'}}
    _ = Slider(value: session.slider, in: 0..<100)  // expected-error {{expected argument type 'ClosedRange<Double>'}}
    _ = view.accessibilityLabel(1)  // expected-error {{expected argument type 'String'}}
    _ = view.onMemoryWarning {}  // expected-error {{has no member 'onMemoryWarning'}}
    _ = VStack { 1 }  // expected-error {{conform to 'View'}}
    path.move(to: CGPoint())  // expected-error {{'path' is a 'let' constant}}
}
