package edge.app

import java.io.DataInputStream
import java.io.EOFException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.cos
import kotlin.math.floor
import kotlin.math.sin

/** Sound in -1..1: [channels] has one array per channel, all of one length; [rate] in Hz. */
internal class Sound(val rate: Int, val channels: Array<FloatArray>) {
    val samples: Int get() = channels[0].size
    val seconds: Double get() = samples.toDouble() / rate

    /** Returns one or two channels as they are, and more as their mean. */
    fun atMostStereo(): Sound {
        if (channels.size <= 2) return this
        val mean = FloatArray(samples) { index -> channels.map { it[index] }.average().toFloat() }
        return Sound(rate, arrayOf(mean))
    }

    /** Returns this sound at another rate, by a windowed sinc that lets pass what both rates hold. */
    fun at(rate: Int): Sound {
        if (rate == this.rate) return this
        val common = gcd(rate, this.rate)
        val filter = Polyphase(up = rate / common, down = this.rate / common)
        return Sound(rate, Array(channels.size) { filter.run(channels[it]) })
    }
}

private tailrec fun gcd(a: Int, b: Int): Int = if (b == 0) a else gcd(b, a % b)

/** Resamples by up / down. Output n stands at input n * down / up. */
private class Polyphase(private val up: Int, private val down: Int) {
    private val cutoff = minOf(1.0, up.toDouble() / down)
    private val half = ceil(ZERO_CROSSINGS / cutoff).toInt()
    private val phases = HashMap<Int, FloatArray>()

    fun run(input: FloatArray): FloatArray {
        val size = ((input.size.toLong() * up + down - 1) / down).toInt()
        return FloatArray(size) { n ->
            val place = n.toLong() * down
            val start = (place / up).toInt() - half + 1
            val taps = phases.getOrPut((place % up).toInt()) { taps((place % up).toDouble() / up) }
            var sum = 0f
            val end = minOf(taps.size, input.size - start)
            for (tap in maxOf(0, -start) until end) sum += taps[tap] * input[start + tap]
            sum
        }
    }

    /** The filter for a place [fraction] of a sample behind the middle. Its sum is 1, so that a constant stays. */
    private fun taps(fraction: Double): FloatArray {
        val values = DoubleArray(2 * half) { tap ->
            val x = tap - half + 1 - fraction
            val window = if (abs(x) >= half) 0.0 else 0.5 + 0.5 * cos(PI * x / half)
            val phase = PI * cutoff * x
            window * (if (abs(phase) < 1e-9) 1.0 else sin(phase) / phase)
        }
        val sum = values.sum()
        return FloatArray(values.size) { (values[it] / sum).toFloat() }
    }

    private companion object {
        const val ZERO_CROSSINGS = 16
    }
}

/** Collects decoded PCM. [float]: the values are float32; otherwise they are 16 bit. Little-endian, interleaved. */
internal class PcmCollector(private val rate: Int, private val channels: Int, private val float: Boolean) {
    private val parts = ArrayList<FloatArray>()
    private var values = 0L

    /** Takes what is left of [bytes]. Throws [Trouble.TOO_LONG] above [MAX_SECONDS]. */
    fun add(bytes: ByteBuffer) {
        val ordered = bytes.order(ByteOrder.LITTLE_ENDIAN)
        val part = if (float) {
            FloatArray(ordered.remaining() / 4).also { ordered.asFloatBuffer().get(it) }
        } else {
            val shorts = ordered.asShortBuffer()
            FloatArray(ordered.remaining() / 2) { shorts.get(it) / 32768f }
        }
        for (index in part.indices) if (!part[index].isFinite()) part[index] = 0f
        values += part.size
        if (values / channels > MAX_SECONDS * rate) throw AppException(Trouble.TOO_LONG)
        parts += part
    }

    /** Throws [Trouble.EMPTY] without a whole frame. */
    fun sound(): Sound {
        val frames = (values / channels).toInt()
        if (frames == 0) throw AppException(Trouble.EMPTY)
        val result = Array(channels) { FloatArray(frames) }
        var place = 0
        for (part in parts) {
            for (value in part) {
                if (place / channels < frames) result[place % channels][place / channels] = value
                place++
            }
        }
        return Sound(rate, result)
    }

    companion object {
        const val MAX_SECONDS = 600L
    }
}

/** Reads the bundled song: a WAV file of 16 bit PCM. Other files go through the phone's decoders. */
internal fun readWav(stream: InputStream): Sound = try {
    DataInputStream(stream.buffered()).use { input ->
        fun word() = Integer.reverseBytes(input.readInt())
        fun half() = java.lang.Short.reverseBytes(input.readShort()).toInt()
        fun demand(condition: Boolean) {
            if (!condition) throw AppException(Trouble.NOT_A_SOUND, "WAV")
        }
        demand(word() == RIFF)
        word()
        demand(word() == WAVE)
        var collector: PcmCollector? = null
        var sound: Sound? = null
        while (sound == null) {
            val kind = word()
            val size = word()
            demand(size >= 0)
            if (kind == DATA) {
                val pcm = collector ?: throw AppException(Trouble.NOT_A_SOUND, "WAV")
                pcm.add(ByteBuffer.wrap(input.readBytes().let { it.copyOf(minOf(it.size, size)) }))
                sound = pcm.sound()
            } else if (kind == FORMAT) {
                demand(half() == 1)
                val channels = half()
                val rate = word()
                input.skipBytes(6)
                demand(half() == 16 && channels in 1..8 && rate in 1_000..400_000)
                input.skipBytes(size - 16)
                collector = PcmCollector(rate, channels, float = false)
            } else {
                input.skipBytes(size)
            }
        }
        sound
    }
} catch (error: EOFException) {
    throw AppException(Trouble.NOT_A_SOUND, "WAV", error)
}

private const val RIFF = 0x46464952
private const val WAVE = 0x45564157
private const val FORMAT = 0x20746d66
private const val DATA = 0x61746164

/** Returns the largest absolute value of each of [count] parts of equal length. */
internal fun peaks(sound: Sound, count: Int): FloatArray = FloatArray(count) { part ->
    val from = floor(part.toDouble() * sound.samples / count).toInt()
    val to = maxOf(from + 1, floor((part + 1.0) * sound.samples / count).toInt())
    var peak = 0f
    for (channel in sound.channels) for (i in from until minOf(to, sound.samples)) peak = maxOf(peak, abs(channel[i]))
    peak
}
