package edge.app

import kotlin.math.abs

/**
 * What is heard: the mixture in the middle of the cross-fader, the first stem at -1, all other stems at 1.
 *
 * The screen's thread sets [fader] and [position]; the player's thread calls [render].
 */
internal class Playback(val stems: Stems) {
    @Volatile
    var fader: Float = 0f

    /** The next sample. */
    @get:Synchronized
    @set:Synchronized
    var position: Int = 0

    private val channels = stems.mixture.channels.size
    private var gains: FloatArray? = null

    val isAtEnd: Boolean get() = position >= stems.mixture.samples

    /**
     * Renders the next samples as 16 bit PCM, interleaved and little-endian. Gains move over the whole block, so that
     * nothing clicks.
     *
     * @return The number of frames: fewer than [frames] at the end of the song or of what is separated.
     */
    @Synchronized
    fun render(frames: Int, target: ByteArray): Int {
        val from = position
        val count = minOf(frames, stems.ready - from).coerceAtLeast(0)
        val to = gainsOf(fader)
        val before = gains ?: to
        val values = FloatArray(count)
        for (channel in 0 until channels) {
            val sum = FloatArray(count)
            for (source in to.indices) {
                if (before[source] == 0f && to[source] == 0f) continue
                if (source == 0) {
                    stems.mixture.channels[channel].copyInto(values, 0, from, from + count)
                } else {
                    stems.read(source - 1, channel, from, values, count)
                }
                val step = (to[source] - before[source]) / maxOf(1, count)
                for (n in 0 until count) sum[n] += values[n] * (before[source] + step * (n + 1))
            }
            for (n in 0 until count) {
                val value = Math.round(sum[n] * 32768f).coerceIn(-32768, 32767)
                val place = 2 * (n * channels + channel)
                target[place] = value.toByte()
                target[place + 1] = (value shr 8).toByte()
            }
        }
        if (count > 0) gains = to
        position = from + count
        return count
    }

    /** The gains of the mixture and of each stem. */
    private fun gainsOf(fader: Float) = FloatArray(1 + stems.names.size) {
        when (it) {
            0 -> 1 - abs(fader)
            1 -> maxOf(0f, -fader)
            else -> maxOf(0f, fader)
        }
    }
}
