// What the demo app calls of UIKit, to check its types where UIKit is not. Signatures as Apple documents them:
// developer.apple.com/documentation/uikit. Nothing here does anything.
import Foundation

@MainActor
open class UIApplication: NSObject {
    public nonisolated class var didReceiveMemoryWarningNotification: NSNotification.Name {
        fatalError("UIApplication is UIKit's, which is not here")
    }
}
