import EdgeFamily
import Foundation

/// Puts what the app knows into words, those of the demo for Android.
public enum Words {
    public static let none = "–"

    static func trouble(_ error: AppError) -> String {
        let words: String
        switch error.trouble {
        case .noSpace: words = "The phone has no space left: free some, then try again."
        case .unreadable: words = "This file can't be read: choose it again."
        case .notASound: words = "This file is no sound that the phone knows: choose another one."
        case .decoder: words = "The phone's decoder failed on this file: choose another one."
        case .empty: words = "This song has no sound in it: choose another one."
        case .tooLong: words = "This song is too long: choose one of at most ten minutes."
        case .damaged: words = "The app's family is damaged: install the app again."
        case .runtime: words = "The member can't run here."
        case .busy: words = "Another app holds the sound, such as a call: play again when it has ended."
        case .memory: words = "The phone is short of memory: close other apps, then go on."
        }
        return error.detail.isEmpty ? words : "\(words) (\(error.detail))"
    }

    /// The member that is picked, and the rule that decided.
    static func pick(_ pick: Pick?) -> String {
        guard let pick else { return "No member is picked yet." }
        let fits: String
        switch pick.fits {
        case .yes: fits = "keeps the budget"
        case .no: fits = "the smallest, too slow for the budget"
        case .unknown: fits = "the smallest"
        }
        let rule: String
        switch pick.rules.first?.rule {
        case "model": rule = "measured on this model."
        case "prefix": rule = "measured on phones of the same kind."
        case "calibration": rule = "scaled from the most similar phone."
        default: rule = "nothing is known of this phone. Measure the members."
        }
        return "\(pick.member) (\(pick.artifact)), \(fits). Rule: \(rule)"
    }

    static func budget(_ step: Int) -> String {
        "Latency budget: \(number(Budgets.milliseconds(step))) ms a call"
    }

    static func progress(_ progress: Progress, isSeparating: Bool) -> String {
        let factor = number(progress.realTimeFactor)
        let late = progress.late == 0 ? "no late hops" : "\(progress.late) late hop\(progress.late == 1 ? "" : "s")"
        if isSeparating {
            let share = percent(Double(progress.calls) / Double(progress.all))
            return "Separating with \(progress.choice.member): \(share), real-time factor \(factor), \(late)"
        }
        let speed = number(1 / progress.realTimeFactor)
        return
            "Separated by \(progress.choice.member), real-time factor \(factor): \(speed) times the speed of playing, "
            + late
    }

    static func percent(_ share: Double) -> String { "\(Int((100 * share).rounded())) %" }

    static func time(_ seconds: Double) -> String {
        String(format: "%d:%02d", Int(seconds) / 60, Int(seconds) % 60)
    }

    static func milliseconds(_ value: Double?) -> String { value.map(number) ?? none }

    static func megabytes(_ bytes: Int?) -> String { bytes.map { number(Double($0) / 1e6) } ?? none }

    /// Three digits, such as 0.0512, 3.07 or 128.
    static func number(_ value: Double) -> String {
        let decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : value >= 0.1 ? 3 : 4
        return String(format: "%.\(decimals)f", locale: .current, value)
    }
}
