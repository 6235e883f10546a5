// What the hosted tests call of Apple's XCTest and Linux's lacks, compiled into one module with them. Signatures as Apple
// documents them: developer.apple.com/documentation/xctest. Nothing here does anything.
import Foundation
import XCTest

class XCTAttachment {
    enum Lifetime: Int {
        case keepAlways
        case deleteOnSuccess
    }

    var name: String?
    var lifetime = Lifetime.deleteOnSuccess

    init(data payload: Data, uniformTypeIdentifier identifier: String) {}
}

extension XCTestCase {
    func add(_ attachment: XCTAttachment) {}
}
