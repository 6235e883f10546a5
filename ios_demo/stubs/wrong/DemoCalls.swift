// Faults in a view's use of the demo's models: the check of types must refuse each, for the reason behind it.
import DemoModels

@MainActor
func wrong(_ session: Session) {
    session.trouble = ""  // expected-error {{setter is inaccessible}}
    session.song.position = 1  // expected-error {{setter is inaccessible}}
    session.song.play(at: 1)  // expected-error {{takes no arguments}}
    session.song.fader = Float(1)  // expected-error {{cannot assign value of type 'Float' to type 'Double'}}
}
