import EdgeFamily
import Foundation
import Observation

/// A song that was read.
public struct Song: Sendable {
    static let peakCount = 400
    public let name: String
    public let playback: Playback
    public let peaks: [Float]

    var stems: Stems { playback.stems }
}

/// The screen of songs: one is separated while it is heard.
@MainActor @Observable
public final class SongModel {
    public private(set) var song: Song?
    /// Whether a song is being read from its file.
    public private(set) var isReading = false
    public private(set) var isSeparating = false
    public private(set) var isPlaying = false
    /// Nil: no call of a member has ended yet.
    public private(set) var progress: Progress?
    /// The next sample that is heard.
    public private(set) var position = 0
    private var fade = 0.0
    /// The samples that have stems.
    public private(set) var ready = 0
    /// Whether a separation was given up, and can go on.
    public private(set) var isGivenUp = false

    @ObservationIgnored private unowned let session: Session
    @ObservationIgnored private let player: Player
    @ObservationIgnored private var separation: Separation?
    @ObservationIgnored private var wanted: Guarded<Choice>?
    @ObservationIgnored private var isInterrupted = false
    @ObservationIgnored private var isLeft = false

    init(_ session: Session) {
        self.session = session
        player = Player(session.given.output)
    }

    public var hasBundledSong: Bool { session.given.song != nil }

    /// What stands above the waveform.
    public var title: String {
        if isReading { return "Reading the song…" }
        guard let song else { return "No song yet: choose one of the phone, or the bundled one." }
        let mixture = song.stems.mixture
        let place = Words.time(Double(position) / Double(mixture.rate))
        return "\(song.name), \(place) of \(Words.time(mixture.seconds))"
    }

    /// What stands below the waveform. Empty: nothing.
    public var status: String {
        guard let progress else { return isSeparating ? "Waiting for the member…" : "" }
        return Words.progress(progress, isSeparating: isSeparating)
    }

    /// How much of the song has stems, and the place that is heard, from 0 to 1.
    public var readyShare: Double { share(ready) }
    public var place: Double { share(position) }

    private func share(_ samples: Int) -> Double {
        guard let song else { return 0 }
        return Double(samples) / Double(song.stems.mixture.samples)
    }

    public func openBundled() {
        guard let file = session.given.song else { return }
        open(file, name: "Bundled song")
    }

    /// What the system's chooser of files answers.
    public func opened(_ answer: Result<URL, any Error>) {
        switch answer {
        case .success(let file): open(file, name: file.deletingPathExtension().lastPathComponent)
        case .failure(let error): session.tell(AppError(.unreadable, AppError(error).detail))
        }
    }

    /// Reads a song and separates it. The song before stays when it can't be read.
    func open(_ file: URL, name: String) {
        pause()
        stopSeparating()
        isReading = true
        session.clearTrouble()
        let decode = session.given.decode
        session.run { [session] in
            let sound = try await decode(file).atMostStereo()
            guard let stream = await session.separator?.stream else { throw AppError(.damaged, "no separator") }
            let stems = Stems(try sound.at(stream.sampleRate), stream.stems)
            let song = Song(name: name, playback: Playback(stems), peaks: stems.mixture.peaks(Song.peakCount))
            await self.take(song)
        } after: {
            self.isReading = false
            if self.readyShare < 1 { self.separate() }
        }
    }

    private func take(_ song: Song) {
        self.song = song
        song.playback.fader = Float(fade)
        (isReading, progress, position, ready) = (false, nil, 0, 0)
        separate()
    }

    public func play() {
        guard let song, !isPlaying else { return }
        if song.playback.isAtEnd { song.playback.position = 0 }
        isPlaying = true
        isInterrupted = false
        session.clearTrouble()
        player.start(song.playback) {
            self.position = song.playback.position
        } ended: { error in
            self.isPlaying = false
            if let error { self.session.tell(AppError(error)) }
        }
    }

    public func pause() {
        player.stop()
        isPlaying = false
        isInterrupted = false
    }

    public func toggle() { isPlaying ? pause() : play() }

    /// Goes to a place of the song, from 0 to 1.
    public func seek(_ share: Double) {
        guard let song else { return }
        song.playback.position = Int(min(max(share, 0), 1) * Double(song.stems.mixture.samples))
        position = song.playback.position
    }

    /// The cross-fader: -1 the first stem, 0 the mixture, 1 all other stems.
    public var fader: Double {
        get { fade }
        set {
            fade = min(max(newValue, -1), 1)
            song?.playback.fader = Float(fade)
        }
    }

    /// A call or another app takes the sound.
    public func interrupt() {
        let was = isPlaying || isInterrupted
        pause()
        isInterrupted = was
    }

    /// The sound is free again. A song that was interrupted goes on if the system says that it should.
    public func endInterruption(shouldResume: Bool) {
        let was = isInterrupted
        isInterrupted = false
        if was && shouldResume { play() }
    }

    /// Stops a separation that goes on, and frees its member. Returns whether there was one.
    func giveUpMember() -> Bool {
        if !isSeparating { return false }
        stopSeparating()
        isGivenUp = true
        return true
    }

    private func stopSeparating() {
        separation?.cancel()
        separation = nil
        isSeparating = false
    }

    func leave() {
        pause()
        isLeft = giveUpMember()
    }

    /// A separation that `leave` has stopped goes on.
    func enter() {
        if isLeft { separate() }
        isLeft = false
    }

    /// Separates again what was given up.
    public func goOn() {
        session.clearTrouble()
        separate()
    }

    /// The picker has another member, or the user another engine.
    func picked(_ choice: Choice?) {
        let before = wanted?.use { $0 }
        guard let choice, choice != before else { return }
        if let wanted { wanted.use { $0 = choice } } else { wanted = Guarded(choice) }
        if song != nil && !isSeparating && !isReading { separate() }
    }

    private func separate() {
        guard let song, let wanted, let from = session.separator else { return }
        stopSeparating()
        let session = session
        let next = Separation(song.stems, wanted) { choice in
            try await from.load(choice, try await session.loader(choice))
        } tell: { progress in
            guard self.song?.playback === song.playback else { return }
            self.progress = progress
            self.ready = song.stems.ready
        }
        separation = next
        isSeparating = true
        isGivenUp = false
        session.run {
            try await next.run()
            await self.ended(next)
        } after: {
            if self.separation === next { self.isSeparating = false }
        }
    }

    private func ended(_ separation: Separation) {
        guard self.separation === separation else { return }
        isSeparating = false
        // The wish came behind the last call.
        if let wanted, progress?.choice != wanted.use({ $0 }) { separate() }
    }
}
