import Foundation

/// The slider of the latency budget: steps from 0.02 ms to 50 ms a call, each longer by the same factor.
public enum Budgets {
    public static let steps = 100
    public static let first = 60
    private static let (low, high) = (0.02, 50.0)

    public static func milliseconds(_ step: Int) -> Double {
        low * pow(high / low, Double(min(max(step, 0), steps)) / Double(steps))
    }
}
