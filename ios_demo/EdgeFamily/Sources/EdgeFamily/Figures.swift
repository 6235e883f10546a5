/// Member, artifact, threads.
struct Key: Hashable {
    let member: String
    let artifact: String
    let threads: Int
}

/// What a rule says of one quantity, by candidate, and the devices that it is from.
struct Figures {
    let rule: String
    let devices: [String]
    let values: [Key: Double]

    private static let margins = [
        "model": 1.1, "prefix": 1.25, "calibration": 1.25, "any": 1.25, "manifest": 1.0, "smallest": 1.0,
    ]

    func holds(_ key: Key, _ limit: Double) -> Bool {
        guard let value = values[key], let margin = Figures.margins[rule] else { return false }
        return value * margin <= limit
    }
}

/// The figures of all measured devices that are not emulated.
struct Measured {
    private struct Device {
        let name: String
        let facts: DeviceFacts
        let values: [Key: Double]
    }

    private let perf: Perf
    private let facts: DeviceFacts
    private let keys: Set<Key>

    init(_ perf: Perf, _ facts: DeviceFacts, _ keys: Set<Key>) {
        self.perf = perf
        self.facts = facts
        self.keys = keys
    }

    func times(_ calibration: Calibration?) -> Figures {
        let useful = useful(\.timeMs)
        return similar(useful) ?? calibration.flatMap { scaled(useful, $0) } ?? nothing
    }

    func memory() -> Figures {
        let useful = useful { $0.peakMemoryBytes.map(Double.init) }
        return similar(useful) ?? (useful.isEmpty ? nothing : largest("any", useful))
    }

    private var nothing: Figures { Figures(rule: "smallest", devices: [], values: [:]) }

    private func useful(_ figure: (ArtifactPerf) -> Double?) -> [Device] {
        perf.devices.filter { !$0.facts.emulated }.compactMap { device in
            var values: [Key: Double] = [:]
            for each in device.artifacts {
                let key = Key(member: each.member, artifact: each.artifact, threads: each.threads)
                if keys.contains(key), let value = figure(each) { values[key] = value }
            }
            return values.isEmpty ? nil : Device(name: device.device, facts: device.facts, values: values)
        }
    }

    /// Returns the figures by model or by prefix; nil: neither matches.
    private func similar(_ useful: [Device]) -> Figures? {
        let model = normalized(facts.model)
        let same = useful.filter { !model.isEmpty && normalized($0.facts.model) == model }
        if !same.isEmpty { return largest("model", same) }
        // Of the longest prefixes those of the model come first.
        let prefixes = useful.flatMap { device in
            [
                (length: length(facts.model, device.facts.model), byModel: 1, device: device),
                (length: length(facts.soc, device.facts.soc), byModel: 0, device: device),
            ]
        }.filter { $0.length > 0 }
        guard let best = prefixes.max(by: { ($0.length, $0.byModel) < ($1.length, $1.byModel) }) else { return nil }
        return largest(
            "prefix", prefixes.filter { $0.length == best.length && $0.byModel == best.byModel }.map(\.device))
    }

    private func length(_ a: String, _ b: String) -> Int { commonPrefix(a, b).unicodeScalars.count }

    /// Returns the times of the device that is the most like this one, scaled; nil: none ran the calibrated file.
    private func scaled(_ useful: [Device], _ calibration: Calibration) -> Figures? {
        let ran = Key(member: calibration.member, artifact: calibration.artifact, threads: calibration.threads)
        let scales = useful.compactMap { device -> (distance: Double, device: Device, factor: Double)? in
            guard let time = device.values[ran], time > 0 else { return nil }
            let factor = calibration.p90Ms / time
            return (max(factor, 1 / factor), device, factor)
        }
        guard let best = scales.min(by: { ($0.distance, $0.device.name) < ($1.distance, $1.device.name) }) else {
            return nil
        }
        let values = best.device.values.mapValues { $0 * best.factor }
        return Figures(rule: "calibration", devices: [best.device.name], values: values)
    }

    private func largest(_ rule: String, _ devices: [Device]) -> Figures {
        var values: [Key: Double] = [:]
        for device in devices { values.merge(device.values) { max($0, $1) } }
        return Figures(rule: rule, devices: devices.map(\.name).sorted(), values: values)
    }
}
