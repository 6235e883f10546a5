/// The fields of a record, read one by one. All problems of types are errors that name the field.
struct Fields {
    let place: String
    private let values: [String: JSON]

    init(_ json: JSON, _ place: String) throws {
        guard case .object(let values) = json else {
            throw FamilyError.invalid("\(place) is not valid: it is not an object")
        }
        self.values = values
        self.place = place
    }

    /// Refuses fields that are not named in `known`.
    func only(_ known: String...) throws {
        let unknown = values.keys.filter { !known.contains($0) }.sorted()
        try demand(unknown.isEmpty, "\(place) is not valid: unknown field \(quoted(unknown.first ?? ""))")
    }

    /// Reads a field that must be there, and not null.
    func get<T: FromJSON>(_ name: String) throws -> T {
        guard let value = values[name] else { throw FamilyError.invalid("\(place) is not valid: it lacks \(name)") }
        return try T(value, "\(place).\(name)")
    }

    /// Reads a field that has a default.
    func get<T: FromJSON>(_ name: String, or other: T) throws -> T {
        guard let value = values[name] else { return other }
        return try T(value, "\(place).\(name)")
    }

    /// Reads a field that may be null or missing.
    func optional<T: FromJSON>(_ name: String) throws -> T? {
        guard let value = values[name], value != .null else { return nil }
        return try T(value, "\(place).\(name)")
    }

    /// Reads a field that may be null, but not missing.
    func nullable<T: FromJSON>(_ name: String) throws -> T? {
        guard values[name] != nil else { throw FamilyError.invalid("\(place) is not valid: it lacks \(name)") }
        return try optional(name)
    }
}

/// What can be read from JSON. `place` names the value in errors.
protocol FromJSON {
    init(_ json: JSON, _ place: String) throws
}

private func wrong(_ place: String, _ wanted: String) -> FamilyError {
    .invalid("\(place) is not valid: it is not \(wanted)")
}

extension JSON: FromJSON {
    init(_ json: JSON, _ place: String) { self = json }
}

extension String: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        guard case .text(let text) = json else { throw wrong(place, "a string") }
        self = text
    }
}

extension Bool: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        guard case .bool(let value) = json else { throw wrong(place, "true or false") }
        self = value
    }
}

extension Int: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        guard case .integer(let value) = json else { throw wrong(place, "a whole number") }
        self = value
    }
}

extension Double: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        switch json {
        case .integer(let value): self = Double(value)
        case .number(let value): self = value
        default: throw wrong(place, "a number")
        }
    }
}

extension Array: FromJSON where Element: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        guard case .list(let values) = json else { throw wrong(place, "a list") }
        self = try values.enumerated().map { try Element($0.element, "\(place)[\($0.offset)]") }
    }
}

extension Dictionary: FromJSON where Key == String, Value: FromJSON {
    init(_ json: JSON, _ place: String) throws {
        guard case .object(let values) = json else { throw wrong(place, "an object") }
        self = [:]
        for (name, value) in values { self[name] = try Value(value, "\(place).\(name)") }
    }
}

extension FromJSON where Self: RawRepresentable, RawValue == String, Self: CaseIterable {
    init(_ json: JSON, _ place: String) throws {
        guard let value = Self(rawValue: try String(json, place)) else {
            throw wrong(place, "one of \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = value
    }
}
