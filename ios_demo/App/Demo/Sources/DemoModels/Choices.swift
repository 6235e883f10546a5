import Foundation

/// What the user has chosen. It is kept when the app ends.
struct Choices: Codable, Equatable {
    var screen = Screen.song
    /// The place of the budget's slider.
    var step = Budgets.first
    /// The id of the engine. Empty: none was chosen.
    var engine = ""

    init() {}

    /// Those of a file; the first ones if there is none, or if it is damaged.
    init(reading file: URL) {
        let kept = try? JSONDecoder().decode(Choices.self, from: Data(contentsOf: file))
        self = kept ?? Choices()
        step = min(max(step, 0), Budgets.steps)
    }

    /// Writes the file, whole or not at all. Without room for it the choices are as before at the next start.
    func write(to file: URL) {
        let folder = file.deletingLastPathComponent()
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try? JSONEncoder().encode(self).write(to: file, options: .atomic)
    }
}
