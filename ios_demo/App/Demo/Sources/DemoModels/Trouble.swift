import EdgeFamily
import Foundation

/// What can go wrong, as a user is told it; `Words` has the words.
public enum Trouble: Sendable, CaseIterable {
    case noSpace, unreadable, notASound, decoder, empty, tooLong, damaged, runtime, busy, memory
}

/// A trouble with a detail in the words of what failed; it may be empty.
public struct AppError: Error, Equatable {
    public let trouble: Trouble
    public let detail: String

    public init(_ trouble: Trouble, _ detail: String = "") {
        self.trouble = trouble
        self.detail = detail
    }

    /// Any error of the app's work as what a user is told.
    init(_ error: any Error) {
        let detail = (error as? FamilyError)?.message ?? error.localizedDescription
        let told = error as NSError
        let codes = [told, told.userInfo[NSUnderlyingErrorKey] as? NSError].compactMap { $0 }
        let isFull =
            codes.contains { $0.domain == NSPOSIXErrorDomain && $0.code == Int(ENOSPC) }
            || (error as? CocoaError)?.code == .fileWriteOutOfSpace
            || ["out of space", "No space left", "enough space"].contains { detail.contains($0) }
        switch error {
        case let known as AppError: self = known
        case _ where isFull: self.init(.noSpace)
        case is FamilyError: self.init(.runtime, detail)
        case is CocoaError: self.init(.unreadable, detail)
        default: self.init(.runtime, detail)
        }
    }
}
