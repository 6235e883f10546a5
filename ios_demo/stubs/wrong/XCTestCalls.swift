// Calls that XCTAttachment does not have: the check of types must refuse each, for the reason that stands behind it.
import Foundation
import XCTest

func wrong(_ test: XCTestCase, _ attachment: XCTAttachment) {
    _ = XCTAttachment(data: Data(), type: "public.data")  // expected-error {{incorrect argument label}}
    _ = XCTAttachment(data: "x", uniformTypeIdentifier: "public.data")  // expected-error {{expected argument type 'Data'}}
    attachment.lifetime = .always  // expected-error {{has no member 'always'}}
    attachment.name = 1  // expected-error {{cannot assign value of type 'Int' to type 'String?'}}
    test.add("x")  // expected-error {{expected argument type 'XCTAttachment'}}
}
