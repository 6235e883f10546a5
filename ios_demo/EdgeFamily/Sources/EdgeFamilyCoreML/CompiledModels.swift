import EdgeFamily
import Foundation

/// Compiled models, kept by the content of their packages: a package is compiled once, at its first load.
struct CompiledModels: Sendable {
    /// `EdgeFamily/compiled` in Application Support.
    static func standard() throws -> URL {
        let support = try translated("Application Support can't be opened") {
            try FileManager.default.url(
                for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        }
        return support.appendingPathComponent("EdgeFamily/compiled", isDirectory: true)
    }

    /// Where the compiled models are. It is made when it is needed, and left out of backups where the system has them.
    let folder: URL
    /// Compiles a package to a temporary place.
    let compile: @Sendable (URL) async throws -> URL

    /// Returns the compiled model of a package.
    ///
    /// - Parameter anew: Compile it again: what is kept does not work.
    /// - Throws: `FamilyError`: it is no package, or the folder can't be written.
    func compiled(_ package: URL, anew: Bool = false) async throws -> URL {
        let files = FileManager.default
        let place = folder.appendingPathComponent("\(try Part.sha256(of: package)).mlmodelc", isDirectory: true)
        if anew { try? files.removeItem(at: place) }
        if files.fileExists(atPath: place.path) { return place }
        let made: URL
        do {
            made = try await compile(package)
        } catch {
            throw familyError("\(package.lastPathComponent) can't be compiled", error)
        }
        try translated("\(folder.path) can't be written") {
            try files.createDirectory(at: folder, withIntermediateDirectories: true)
            #if canImport(Darwin)
                var values = URLResourceValues()
                values.isExcludedFromBackup = true
                var kept = folder
                try kept.setResourceValues(values)
            #endif
            do {
                try files.moveItem(at: made, to: place)
            } catch {
                // Another load was faster; its model is the same.
                guard files.fileExists(atPath: place.path) else { throw error }
                try? files.removeItem(at: made)
            }
        }
        return place
    }
}
