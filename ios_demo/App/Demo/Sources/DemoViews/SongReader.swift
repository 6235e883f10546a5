import AVFoundation
import DemoModels
import Foundation

/// Reads a song by the phone's own decoders: any container, codec, rate and channel count that they know.
enum SongReader {
    private static let framesAtOnce: AVAudioFrameCount = 1 << 16

    /// - Throws: `AppError`: it is no sound, empty, too long, or its decoder fails.
    static func read(_ url: URL) throws -> Sound {
        // A file of another app is open to this one only in between.
        let isForeign = url.startAccessingSecurityScopedResource()
        defer { if isForeign { url.stopAccessingSecurityScopedResource() } }
        let file: AVAudioFile
        do {
            file = try AVAudioFile(forReading: url)
        } catch {
            throw AppError(.notASound, error.localizedDescription)
        }
        let format = file.processingFormat
        if Double(file.length) > Double(Sound.maxSeconds) * format.sampleRate { throw AppError(.tooLong) }
        var channels = [[Float]](repeating: [], count: Int(format.channelCount))
        while file.framePosition < file.length {
            guard let buffer = AVAudioPCMBuffer(pcmFormat: format, frameCapacity: framesAtOnce) else {
                throw AppError(.decoder, "\(format)")
            }
            do {
                try file.read(into: buffer)
            } catch {
                throw AppError(.decoder, error.localizedDescription)
            }
            guard buffer.frameLength > 0, let source = buffer.floatChannelData else { break }
            for channel in channels.indices {
                channels[channel] += UnsafeBufferPointer(start: source[channel], count: Int(buffer.frameLength))
            }
        }
        return try Sound(rate: Int(format.sampleRate), channels: channels)
    }
}
