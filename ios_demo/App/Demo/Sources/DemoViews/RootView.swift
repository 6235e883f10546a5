import DemoModels
import SwiftUI

/// The three screens.
struct RootView: View {
    @Bindable var session: Session
    @Environment(\.scenePhase) private var phase

    var body: some View {
        TabView(selection: $session.screen) {
            Page(session: session) { SongView(model: session.song) }
                .tabItem { Label("Song", systemImage: "waveform") }.tag(Screen.song)
            Page(session: session) { DigitView(model: session.digit) }
                .tabItem { Label("Digit", systemImage: "pencil.and.scribble") }.tag(Screen.digit)
            Page(session: session) { MembersView(model: session.members) }
                .tabItem { Label("Members", systemImage: "tablecells") }.tag(Screen.members)
        }
        .onChange(of: phase) { _, now in
            if now == .background { session.leave() }
            if now == .active { session.enter() }
        }
        .onChange(of: session.trouble) { _, now in
            if !now.isEmpty { AccessibilityNotification.Announcement(now).post() }
        }
    }
}

/// A screen below what all screens show: what went wrong, the budget, the engine, and the member that is picked.
struct Page<Content: View>: View {
    let session: Session
    @ViewBuilder let content: () -> Content

    var body: some View {
        ScrollView {
            VStack(alignment: .leading, spacing: 16) {
                if !session.trouble.isEmpty { Text(session.trouble).foregroundStyle(.red) }
                BudgetView(session: session)
                content()
            }
            .padding()
        }
    }
}
