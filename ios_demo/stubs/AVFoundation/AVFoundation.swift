// What the demo app calls of AVFoundation (AVFAudio), to check its types where it is not. Signatures as Apple documents
// them: developer.apple.com/documentation/avfaudio. Nothing here does anything.
import Foundation

private func absent(_ name: String = #function) -> Never { fatalError("\(name) is AVFoundation's, which is not here") }

public typealias AVAudioFrameCount = UInt32
public typealias AVAudioFramePosition = Int64
public typealias AVAudioChannelCount = UInt32

public class AVAudioFormat: NSObject, @unchecked Sendable {
    public init?(standardFormatWithSampleRate sampleRate: Double, channels: AVAudioChannelCount) { absent() }
    public var sampleRate: Double { absent() }
    public var channelCount: AVAudioChannelCount { absent() }
}

public class AVAudioBuffer: NSObject {
    public var format: AVAudioFormat { absent() }
}

public class AVAudioPCMBuffer: AVAudioBuffer, @unchecked Sendable {
    public init?(pcmFormat format: AVAudioFormat, frameCapacity: AVAudioFrameCount) { absent() }
    public var frameLength: AVAudioFrameCount {
        get { absent() }
        set { absent() }
    }
    public var floatChannelData: UnsafePointer<UnsafeMutablePointer<Float>>? { absent() }
}

public class AVAudioFile: NSObject {
    public init(forReading fileURL: URL) throws { absent() }
    public var processingFormat: AVAudioFormat { absent() }
    public var length: AVAudioFramePosition { absent() }
    public var framePosition: AVAudioFramePosition {
        get { absent() }
        set { absent() }
    }
    public func read(into buffer: AVAudioPCMBuffer) throws { absent() }
}

public class AVAudioNode: NSObject {}

public class AVAudioMixerNode: AVAudioNode {}

public enum AVAudioPlayerNodeCompletionCallbackType: Int, Sendable {
    case dataConsumed, dataRendered, dataPlayedBack
}

public class AVAudioPlayerNode: AVAudioNode {
    public override init() { absent() }
    public func play() { absent() }
    public func stop() { absent() }
    public func scheduleBuffer(
        _ buffer: AVAudioPCMBuffer, completionCallbackType: AVAudioPlayerNodeCompletionCallbackType,
        completionHandler: (@Sendable (AVAudioPlayerNodeCompletionCallbackType) -> Void)? = nil
    ) { absent() }
    public func scheduleBuffer(_ buffer: AVAudioPCMBuffer) async { absent() }
}

public class AVAudioEngine: NSObject {
    public override init() { absent() }
    public var mainMixerNode: AVAudioMixerNode { absent() }
    public func attach(_ node: AVAudioNode) { absent() }
    public func detach(_ node: AVAudioNode) { absent() }
    public func connect(_ node1: AVAudioNode, to node2: AVAudioNode, format: AVAudioFormat?) { absent() }
    public func start() throws { absent() }
    public func stop() { absent() }
}

public class AVAudioSession: NSObject {
    public class func sharedInstance() -> AVAudioSession { absent() }
    public func setCategory(_ category: Category) throws { absent() }
    public func setActive(_ active: Bool, options: SetActiveOptions = []) throws { absent() }

    public struct Category: Hashable, RawRepresentable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public static var playback: Category { absent() }
    }

    public struct SetActiveOptions: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static var notifyOthersOnDeactivation: SetActiveOptions { absent() }
    }

    public struct InterruptionOptions: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static var shouldResume: InterruptionOptions { absent() }
    }

    public enum InterruptionType: UInt, Sendable {
        case ended, began
    }

    public enum RouteChangeReason: UInt, Sendable {
        case unknown, newDeviceAvailable, oldDeviceUnavailable
    }

    public class var interruptionNotification: NSNotification.Name { absent() }
    public class var routeChangeNotification: NSNotification.Name { absent() }
    public class var mediaServicesWereResetNotification: NSNotification.Name { absent() }
}

public let AVAudioSessionInterruptionTypeKey = ""
public let AVAudioSessionInterruptionOptionKey = ""
public let AVAudioSessionRouteChangeReasonKey = ""

// Of Foundation on Apple's systems.
extension URL {
    public func startAccessingSecurityScopedResource() -> Bool { absent() }
    public func stopAccessingSecurityScopedResource() { absent() }
}
