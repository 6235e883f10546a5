import DemoModels
import SwiftUI

/// All members in every engine, as they were measured on this phone.
struct MembersView: View {
    let model: MembersModel

    var body: some View {
        VStack(alignment: .leading, spacing: 16) {
            Text(MembersModel.about).font(.subheadline)
            Button("Measure") { model.measure() }.buttonStyle(.borderedProminent).disabled(model.measuring != nil)
            Text(model.status).font(.subheadline)
            if !model.lines.isEmpty { ScrollView(.horizontal) { table } }
            if !model.perfFiles.isEmpty {
                ShareLink(items: model.perfFiles) { Label("Share perf.json", systemImage: "square.and.arrow.up") }
            }
        }
    }

    private var table: some View {
        Grid(alignment: .trailing, horizontalSpacing: 16, verticalSpacing: 8) {
            GridRow {
                ForEach(["member", "engine"] + MemberLine.heads, id: \.self) { Text($0).bold() }
            }
            .accessibilityHidden(true)
            ForEach(model.lines) { MemberRow(line: $0) }
        }
        .monospacedDigit()
    }
}

/// A row of the table, which is read out as one.
struct MemberRow: View {
    let line: MemberLine

    var body: some View {
        GridRow {
            Text("\(line.member) \(line.precision)").accessibilityLabel(line.spoken)
            Text(line.engine).accessibilityHidden(true)
            if line.cells.isEmpty {
                Text(line.reason).gridCellColumns(MemberLine.heads.count).accessibilityHidden(true)
            }
            ForEach(line.cells.indices, id: \.self) { Text(line.cells[$0]).accessibilityHidden(true) }
        }
    }
}
