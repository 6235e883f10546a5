import AVFoundation
import DemoModels
import Foundation
import UIKit

/// Tells the session what the system does: calls, headphones that are pulled out, memory that is short.
@MainActor
final class SystemEvents {
    private let session: Session

    init(_ session: Session) {
        self.session = session
        observe(UIApplication.didReceiveMemoryWarningNotification) { session, _ in session.memoryWarning() }
        observe(AVAudioSession.mediaServicesWereResetNotification) { session, _ in session.song.pause() }
        observe(AVAudioSession.routeChangeNotification) { session, told in
            let reason = told[AVAudioSessionRouteChangeReasonKey]
            if reason == AVAudioSession.RouteChangeReason.oldDeviceUnavailable.rawValue { session.song.pause() }
        }
        observe(AVAudioSession.interruptionNotification) { session, told in
            if told[AVAudioSessionInterruptionTypeKey] == AVAudioSession.InterruptionType.began.rawValue {
                return session.song.interrupt()
            }
            let options = AVAudioSession.InterruptionOptions(rawValue: told[AVAudioSessionInterruptionOptionKey] ?? 0)
            session.song.endInterruption(shouldResume: options.contains(.shouldResume))
        }
    }

    /// Calls `tell` on the main actor with the numbers of the notification.
    private func observe(
        _ name: Notification.Name, _ tell: @escaping @MainActor @Sendable (Session, [String: UInt]) -> Void
    ) {
        let session = session
        _ = NotificationCenter.default.addObserver(forName: name, object: nil, queue: .main) { note in
            var told: [String: UInt] = [:]
            for (key, value) in note.userInfo ?? [:] {
                if let key = key as? String, let value = value as? UInt { told[key] = value }
            }
            MainActor.assumeIsolated { [told] in tell(session, told) }
        }
    }
}
