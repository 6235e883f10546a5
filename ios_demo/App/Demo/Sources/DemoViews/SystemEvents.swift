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
        observe(AVAudioSession.routeChangeNotification, AVAudioSessionRouteChangeReasonKey) { session, reason in
            if reason == AVAudioSession.RouteChangeReason.oldDeviceUnavailable.rawValue { session.song.pause() }
        }
        // Options come with the end of an interruption alone.
        observe(AVAudioSession.interruptionNotification, AVAudioSessionInterruptionOptionKey) { session, options in
            guard let options else { return session.song.interrupt() }
            let told = AVAudioSession.InterruptionOptions(rawValue: options)
            session.song.endInterruption(shouldResume: told.contains(.shouldResume))
        }
    }

    /// Calls `tell` on the main actor with the value of `key`.
    private func observe(
        _ name: Notification.Name, _ key: String = "", _ tell: @escaping @MainActor @Sendable (Session, UInt?) -> Void
    ) {
        let session = session
        _ = NotificationCenter.default.addObserver(forName: name, object: nil, queue: .main) { note in
            let value = note.userInfo?[key] as? UInt
            MainActor.assumeIsolated { tell(session, value) }
        }
    }
}
