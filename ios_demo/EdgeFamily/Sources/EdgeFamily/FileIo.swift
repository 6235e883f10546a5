/// What an engine tells of a file: its inputs or outputs by name, with their types and shapes.
package typealias ToldTensors = [String: (dtype: DType?, shape: [Int])]

extension Io {
    /// Requires that a file has the inputs and outputs of this record.
    ///
    /// - Throws: `FamilyError` that names what differs.
    package func require(inputs told: ToldTensors, outputs: ToldTensors) throws {
        for (side, specs, found) in [("inputs", inputs, told), ("outputs", self.outputs, outputs)] {
            let names = specs.map(\.name)
            try demand(Set(names) == Set(found.keys), "the file has the \(side) \(found.keys.sorted()), not \(names)")
            for spec in specs {
                guard let tensor = found[spec.name] else { continue }
                let fits = tensor.dtype == spec.dtype && tensor.shape == spec.shape
                let type = tensor.dtype?.rawValue ?? "another type"
                try demand(fits, "\(spec.name) is \(type) \(tensor.shape) in the file, not \(spec)")
            }
        }
    }

    /// Requires that an engine takes the types of all inputs and outputs.
    ///
    /// - Throws: `FamilyError.unsupported`.
    package func require(types: [DType]) throws {
        for spec in inputs + outputs where !types.contains(spec.dtype) {
            throw FamilyError.unsupported("\(spec.name) is \(spec.dtype): the engine takes \(types.map(\.rawValue))")
        }
    }
}
