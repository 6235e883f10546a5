import DemoModels
import SwiftUI

/// The app. Its target holds nothing but the call of `DemoApp.main()`.
public struct DemoApp: App {
    @State private var session: Session
    private let events: SystemEvents

    public init() {
        let session = Session(.standard)
        _session = State(initialValue: session)
        events = SystemEvents(session)
    }

    public var body: some Scene {
        WindowGroup { RootView(session: session) }
    }
}
