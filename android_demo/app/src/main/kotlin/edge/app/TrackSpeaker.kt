package edge.app

import android.media.AudioAttributes
import android.media.AudioFormat
import android.media.AudioTrack

/** Plays by an AudioTrack of 16 bit at the song's own rate. */
internal class TrackSpeaker : Speaker {
    private class Player(val thread: Thread) {
        @Volatile
        var isStopped = false
    }

    private var player: Player? = null

    override fun start(playback: Playback, ended: (Throwable?) -> Unit) {
        stop()
        lateinit var next: Player
        val thread = Thread({
            val error = try {
                play(playback, next)
                null
            } catch (error: RuntimeException) { // the phone has no free track, or takes it away
                error
            }
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
            .setAudioAttributes(
                AudioAttributes.Builder().setUsage(AudioAttributes.USAGE_MEDIA)
                    .setContentType(AudioAttributes.CONTENT_TYPE_MUSIC).build(),
            )
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
    }
}
