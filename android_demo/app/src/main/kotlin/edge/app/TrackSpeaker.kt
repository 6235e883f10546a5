package edge.app

import android.media.AudioAttributes
import android.media.AudioFocusRequest
import android.media.AudioFormat
import android.media.AudioManager
import android.media.AudioTrack

/** Plays by an AudioTrack of 16 bit at the song's own rate, while the app has the audio focus. */
internal class TrackSpeaker(private val audio: AudioManager) : Speaker {
    private class Player(val thread: Thread) {
        @Volatile
        var isStopped = false
    }

    private var player: Player? = null

    override fun start(playback: Playback, ended: (Throwable?) -> Unit) {
        stop()
        val focus = AudioFocusRequest.Builder(AudioManager.AUDIOFOCUS_GAIN).setAudioAttributes(MUSIC)
            .setOnAudioFocusChangeListener { change ->
                if (change in LOST) {
                    stop()
                    ended(null)
                }
            }.build()
        if (audio.requestAudioFocus(focus) != AudioManager.AUDIOFOCUS_REQUEST_GRANTED) {
            ended(AppException(Trouble.BUSY))
            return
        }
        lateinit var next: Player
        val thread = Thread({
            val error = try {
                play(playback, next)
                null
            } catch (error: RuntimeException) { // the phone has no free track, or takes it away
                error
            }
            audio.abandonAudioFocusRequest(focus)
            if (!next.isStopped) ended(error)
        }, "player")
        next = Player(thread)
        player = next
        thread.start()
    }

    override fun stop() {
        val running = player ?: return
        running.isStopped = true
        running.thread.join()
        player = null
    }

    private fun play(playback: Playback, player: Player) {
        val sound = playback.stems.mixture
        val channels = sound.channels.size
        val mask = if (channels == 1) AudioFormat.CHANNEL_OUT_MONO else AudioFormat.CHANNEL_OUT_STEREO
        val least = AudioTrack.getMinBufferSize(sound.rate, mask, AudioFormat.ENCODING_PCM_16BIT)
        val bytes = ByteArray(2 * channels * FRAMES)
        val track = AudioTrack.Builder()
            .setAudioAttributes(MUSIC)
            .setAudioFormat(
                AudioFormat.Builder().setEncoding(AudioFormat.ENCODING_PCM_16BIT)
                    .setSampleRate(sound.rate).setChannelMask(mask).build(),
            )
            .setBufferSizeInBytes(maxOf(least, 2 * bytes.size))
            .build()
        try {
            track.play()
            while (!player.isStopped && !playback.isAtEnd) {
                val count = playback.render(FRAMES, bytes)
                if (count == 0) {
                    playback.stems.awaitBeyond(playback.position, WAIT_MS)
                    continue
                }
                val written = track.write(bytes, 0, 2 * channels * count)
                check(written == 2 * channels * count) { "AudioTrack took $written bytes" }
            }
            track.stop()
        } finally {
            track.release()
        }
    }

    private companion object {
        const val FRAMES = 1024
        const val WAIT_MS = 50L
        val MUSIC: AudioAttributes = AudioAttributes.Builder().setUsage(AudioAttributes.USAGE_MEDIA)
            .setContentType(AudioAttributes.CONTENT_TYPE_MUSIC).build()

        /** Another app plays, or a call comes. Where a sound is short, the system turns ours down by itself. */
        val LOST = setOf(AudioManager.AUDIOFOCUS_LOSS, AudioManager.AUDIOFOCUS_LOSS_TRANSIENT)
    }
}
