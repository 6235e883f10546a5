// Calls that AVFoundation does not have: the check of types must refuse each, for the reason that stands behind it.
import AVFoundation

func wrong(_ node: AVAudioPlayerNode, _ buffer: AVAudioPCMBuffer, _ session: AVAudioSession) async throws {
    node.scheduleBuffer(buffer, looping: true)  // expected-error {{extra argument 'looping'}}
    node.scheduleBuffer(buffer)  // expected-error {{not marked with 'await'}} expected-note {{is 'async'}}
    try session.setCategory("playback")  // expected-error {{expected argument type 'AVAudioSession.Category'}}
    buffer.floatChannelData = nil  // expected-error {{get-only}}
}
