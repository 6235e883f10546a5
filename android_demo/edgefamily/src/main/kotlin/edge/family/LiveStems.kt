package edge.family

/**
 * Live sound through a [StemStream]: interleaved samples in and out, in pieces of any size.
 *
 * Three threads at most: one calls [offer] (the recorder), one [process], one [take] for all stems (the player). None
 * waits for another. Sample n of a stem belongs to sample n that was offered; it is there [Stream.latencyMs] later.
 *
 * @param stream Not owned: close it when [process] is not called any more.
 * @param seconds The sound that the buffers hold.
 */
public class LiveStems(private val stream: StemStream, private val channels: Int, seconds: Double = 1.0) {
    private val size = stream.stream.samples
    private val capacity = channels * maxOf(2 * size, (seconds * stream.stream.sampleRate).toInt())
    private val sound = RingBuffer(capacity)
    private val stems = stream.stream.stems.map { RingBuffer(capacity) }
    private var late = stream.stream.delay
    private val interleaved = FloatArray(channels * size)

    /** Takes interleaved samples, as many as fit, whole frames only. Returns the number of values taken. */
    public fun offer(samples: FloatArray, count: Int = samples.size): Int =
        sound.write(samples, 0, minOf(count, sound.free) / channels * channels)

    /**
     * Runs all calls for which there is sound, and room for the stems.
     *
     * @return The number of calls.
     * @throws FamilyException The runtime failed in a call.
     */
    public fun process(): Int {
        var calls = 0
        while (sound.available >= interleaved.size && stems.all { it.free >= interleaved.size }) {
            sound.read(interleaved)
            val block = Array(channels) { channel -> FloatArray(size) { interleaved[it * channels + channel] } }
            give(stream.push(block))
            calls++
        }
        return calls
    }

    /** Gives interleaved samples of stem number [stem], as many as there are. Returns the number of values. */
    public fun take(stem: Int, target: FloatArray): Int = stems[stem].read(target)

    private fun give(block: Array<Array<FloatArray>>) {
        val start = minOf(late, size)
        late -= start
        for ((ring, sound) in stems.zip(block)) {
            for (sample in start until size) {
                val place = (sample - start) * channels
                for (channel in 0 until channels) interleaved[place + channel] = sound[channel][sample]
            }
            ring.write(interleaved, 0, (size - start) * channels)
        }
    }
}
