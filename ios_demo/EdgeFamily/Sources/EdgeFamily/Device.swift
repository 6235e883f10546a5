/// What may slow a device down, at one moment. Nil: the device does not say.
public struct DeviceState: Equatable, Sendable, Encodable {
    public var temperatureC: Double?
    /// 0 nominal, 1 fair, 2 serious, 3 critical.
    public var thermalStatus: Int?
    public var batteryPercent: Double?
    public var charging: Bool?
    var governors: [String] = []
    var frequenciesKhz: [Int] = []
    /// The average number of processes that ran in the last minute.
    var load: Double?

    public init() {}
}

/// What a device says of itself; the content of `device.json`.
public struct DeviceFacts: Equatable, Sendable, Encodable {
    static let runner = "EdgeFamily 1.0"

    private(set) var schema = Manifest.schema
    private(set) var runner = DeviceFacts.runner
    /// What its maker calls it, such as "iPhone16,1".
    public var model = "unknown"
    public var soc = ""
    var os = ""
    var arch = ""
    var cores: Int?
    var memoryBytes: Int?
    /// The versions of its engines, by format. Empty: any format may be picked.
    public var runtimes: [String: String] = [:]
    /// Whether the processor is emulated: then no time is a latency.
    var emulated = false
    var before = DeviceState()
    var after: DeviceState?

    public init() {}
}

extension DeviceFacts: FromJSON {
    /// Reads what the picker needs of it.
    init(_ json: JSON, _ place: String) throws {
        let fields = try Fields(json, place)
        model = try fields.get("model", or: model)
        soc = try fields.get("soc", or: soc)
        runtimes = try fields.get("runtimes", or: runtimes)
        emulated = try fields.get("emulated", or: emulated)
    }
}
