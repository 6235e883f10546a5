import DemoModels
import SwiftUI

/// The budget's slider, the engine, the picker's choice and its rule.
struct BudgetView: View {
    @Bindable var session: Session

    var body: some View {
        VStack(alignment: .leading, spacing: 8) {
            Text(session.budget).font(.headline).accessibilityHidden(true)
            Slider(value: $session.slider, in: 0...Double(Budgets.steps), step: 1)
                .accessibilityLabel("Latency budget").accessibilityValue(session.budget)
            Picker("Engine", selection: $session.engineId) {
                ForEach(session.engines) { Text($0.title).tag($0.id) }
            }
            Text(session.choice).font(.subheadline).foregroundStyle(.secondary)
        }
    }
}
