import Foundation

/// What the system tells of this device; an app adds what UIKit knows, such as the battery.
public enum ThisDevice {
    /// The facts without a state. `loaders` are tried; those that don't work are left out.
    public static func facts(_ loaders: [any EngineLoader], model: String? = nil) async -> DeviceFacts {
        var facts = DeviceFacts()
        let process = ProcessInfo.processInfo
        facts.model = model ?? machine
        facts.os = process.operatingSystemVersionString
        facts.arch = arch
        facts.cores = process.processorCount
        facts.memoryBytes = Int(clamping: process.physicalMemory)
        for loader in loaders { facts.runtimes[loader.format] = try? await loader.version() }
        return facts
    }

    /// What may slow the device down now.
    public static func state() -> DeviceState {
        var state = DeviceState()
        #if canImport(Darwin)
            state.thermalStatus = ProcessInfo.processInfo.thermalState.rawValue
        #else
            state.load = readOrNil("/proc/loadavg")?.split(separator: " ").first.flatMap { Double($0) }
            state.governors = (0..<ProcessInfo.processInfo.processorCount).compactMap { core in
                readOrNil("/sys/devices/system/cpu/cpu\(core)/cpufreq/scaling_governor").map { oneLine($0) }
            }
        #endif
        return state
    }

    /// The resident memory of this process and its peak since `resetPeak`, in bytes. Nil: the system does not say.
    static func memory() -> (now: Int, peak: Int)? {
        #if canImport(Darwin)
            return nil
        #else
            func bytes(_ name: String) -> Int? {
                let line = readOrNil("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
                return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map {
                    1024 * $0
                }
            }
            guard let now = bytes("VmRSS"), let peak = bytes("VmHWM") else { return nil }
            return (now, peak)
        #endif
    }

    /// Sets the peak to what is resident now, where the system can.
    static func resetPeak() {
        #if !canImport(Darwin)
            if let handle = FileHandle(forWritingAtPath: "/proc/self/clear_refs") {
                try? handle.write(contentsOf: Data("5".utf8))
                try? handle.close()
            }
        #endif
    }

    /// The machine's name of itself, such as "iPhone16,1".
    private static var machine: String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static var arch: String {
        #if arch(arm64)
            return "arm64"
        #elseif arch(x86_64)
            return "x86_64"
        #else
            return "other"
        #endif
    }
}
