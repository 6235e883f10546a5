import Foundation

/// What is wrong with a bundle, a request, a file or a call, in one line: what, where, what to do.
///
/// It is the only error that this library throws.
public enum FamilyError: Error, Equatable, Sendable {
    /// What was read, or what an engine gave, is not valid.
    case invalid(String)
    /// No engine here runs a file: its format has none, or the engine lacks an operator.
    case unsupported(String)
    /// A fault of the caller, such as a call of a member that is closed.
    case misuse(String)

    /// The one line.
    public var message: String {
        switch self {
        case .invalid(let text), .unsupported(let text), .misuse(let text): return text
        }
    }
}

extension FamilyError: CustomStringConvertible, LocalizedError {
    public var description: String { message }
    public var errorDescription: String? { message }
}

/// Throws `FamilyError.invalid` with `message`, unless `condition` holds.
package func demand(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw FamilyError.invalid(message()) }
}

/// Throws the first problems in one line, if there are any.
func refuse(_ problems: [String], _ place: String) throws {
    if problems.isEmpty { return }
    let more = problems.count > 5 ? "; and \(problems.count - 5) more" : ""
    throw FamilyError.invalid("\(place) is not valid: \(problems.prefix(5).joined(separator: "; "))\(more)")
}

/// Runs `block`, which enters an engine or the file system: whatever it throws becomes a `FamilyError`.
package func translated<T>(_ what: String, _ block: () throws -> T) throws -> T {
    do {
        return try block()
    } catch {
        throw familyError(what, error)
    }
}

/// Returns `error` as this library's error, behind `what` was done.
package func familyError(_ what: String, _ error: any Error) -> FamilyError {
    switch error {
    case FamilyError.unsupported(let text): return .unsupported("\(what): \(text)")
    case let error as FamilyError: return .invalid("\(what): \(error.message)")
    default: return .invalid("\(what): \(oneLine(error.localizedDescription))")
    }
}

/// Returns `text` as one line of printable characters, at most `limit` long.
package func oneLine(_ text: String, limit: Int = 400) -> String {
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let line = String(String.UnicodeScalarView(words.unicodeScalars.map { isPrintable($0) ? $0 : "?" }))
    return line.count <= limit ? line : line.prefix(limit - 1) + "…"
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
    default: return true
    }
}

func quoted(_ text: String) -> String { "\"\(oneLine(text, limit: 80))\"" }
