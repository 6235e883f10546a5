package edge.family

import kotlin.math.PI
import kotlin.math.cos

/**
 * A separator that streams: sound in, stems out, state fed back.
 *
 * It owns its member. Sound is planar: one array per channel. If the sound has more channels than the member, each
 * group of channels has a state of its own. Used by one thread at a time.
 *
 * @param channels The channels of the sound: a multiple of those of the member.
 * @throws FamilyException The member does not stream, or its channels do not divide [channels].
 */
public class StemStream(member: LoadedMember, private val channels: Int) : AutoCloseable {
    /** Size of a call, sample rate, delay, names of the stems. */
    public val stream: Stream = streamOf(member)

    private var member: LoadedMember? = member
    private var next: (() -> LoadedMember)? = null
    private var lanes = lanesOf(member)
    private val history = ArrayDeque<Array<FloatArray>>()

    /**
     * Separates a recording of any length, from a state of zeros; the state is zero afterwards.
     *
     * @return `[stem][channel][sample]`, aligned with the sound and as long.
     * @throws FamilyException The sound does not fit, or the runtime failed in a call.
     */
    public fun separate(sound: Array<FloatArray>): Array<Array<FloatArray>> {
        check(sound, sound.firstOrNull()?.size ?: 0)
        val samples = sound.firstOrNull()?.size ?: 0
        val result = Array(stream.stems.size) { Array(channels) { FloatArray(samples) } }
        if (samples == 0) return result
        reset()
        val size = stream.samples
        for (call in 0 until stream.callsFor(samples)) {
            val start = call * size
            val block = Array(channels) { FloatArray(size).also { out -> copyWhatIsThere(sound[it], start, out, 0) } }
            val stems = push(block)
            for (stem in stems.indices) {
                for (channel in 0 until channels) {
                    copyWhatIsThere(stems[stem][channel], 0, result[stem][channel], start - stream.delay)
                }
            }
        }
        reset()
        return result
    }

    /**
     * Runs one call.
     *
     * @param block [Stream.samples] of each channel.
     * @return `[stem][channel][sample]`, [Stream.delay] samples behind the input.
     * @throws FamilyException The block does not fit, or the runtime failed in the call.
     * @throws IllegalStateException It is closed, or a switch failed.
     */
    public fun push(block: Array<FloatArray>): Array<Array<FloatArray>> {
        check(block, stream.samples)
        val running = member
        val load = next
        if (load == null) {
            checkNotNull(running) { "the stream has no member: it is closed, or a switch failed" }
            val stems = run(running, block)
            remember(block)
            return stems
        }
        val before = running?.let { run(it, block) }
        switch(running, load)
        val after = run(member!!, block)
        remember(block)
        if (before != null) fade(before, after)
        return after
    }

    /**
     * Switches to another member with the next call of [push].
     *
     * The old member runs that call and is closed; the new one is loaded, starts from a state of zeros, hears the last
     * [WARM_UP_CALLS] calls again and runs the same call. The output goes from the one to the other in a cross-fade
     * over that call, so there is no click. If the load fails, `push` throws and the sound of that call is lost; switch
     * to a member that works to go on.
     *
     * @param load Loads the member. It is called when the old one is closed.
     */
    public fun switchTo(load: () -> LoadedMember) {
        next = load
    }

    /** Starts again from a state of zeros. */
    public fun reset() {
        lanes.forEach { it.reset() }
        history.clear()
    }

    /** Closes the member. It may be called twice. */
    override fun close() {
        member?.close()
        member = null
    }

    private fun switch(running: LoadedMember?, load: () -> LoadedMember) {
        running?.close()
        member = null
        next = null
        val loaded = load()
        try {
            demand(streamOf(loaded) == stream) { "${loaded.name} streams otherwise than the member before it" }
            lanes = lanesOf(loaded)
            for (block in history) run(loaded, block)
        } catch (error: Throwable) {
            loaded.close()
            throw error
        }
        member = loaded
    }

    private fun run(member: LoadedMember, block: Array<FloatArray>): Array<Array<FloatArray>> {
        val result = Array(stream.stems.size) { Array(channels) { FloatArray(stream.samples) } }
        for (lane in lanes) lane.run(member, block, result)
        return result
    }

    private fun remember(block: Array<FloatArray>) {
        history.addLast(Array(channels) { block[it].copyOf() })
        if (history.size > WARM_UP_CALLS) history.removeFirst()
    }

    private fun fade(before: Array<Array<FloatArray>>, after: Array<Array<FloatArray>>) {
        for (stem in after.indices) {
            for (channel in 0 until channels) {
                val old = before[stem][channel]
                val new = after[stem][channel]
                for (index in new.indices) {
                    val share = (0.5 - 0.5 * cos(PI * (index + 0.5) / new.size)).toFloat()
                    new[index] = old[index] + share * (new[index] - old[index])
                }
            }
        }
    }

    private fun check(sound: Array<FloatArray>, samples: Int) {
        demand(sound.size == channels) { "the sound has ${sound.size} channels, not $channels" }
        for ((channel, values) in sound.withIndex()) {
            demand(values.size == samples) { "channel $channel has ${values.size} samples, not $samples" }
            val bad = values.indexOfFirst { !it.isFinite() }
            demand(bad < 0) { "sample $bad of channel $channel is ${values[bad]}: a stream never forgets such a value" }
        }
    }

    private fun lanesOf(member: LoadedMember): List<Lane> {
        val each = member.io.inputs[0].shape[1]
        demand(channels >= each && channels % each == 0) {
            "${member.name} takes $each channels: $channels is no multiple"
        }
        return (0 until channels step each).map { Lane(member.io, it, each) }
    }

    public companion object {
        /** The calls that a new member hears again when it takes over. */
        public const val WARM_UP_CALLS: Int = 8

        private fun streamOf(member: LoadedMember): Stream {
            val io = member.io
            val stream = io.stream ?: throw FamilyException("${member.name} does not stream")
            val audio = io.inputs[0].shape
            val fits = audio.size == 3 && audio[0] == 1 &&
                io.outputs[0].shape == listOf(1, stream.stems.size, audio[1], audio[2]) &&
                io.inputs[0].type == DType.FLOAT32 && io.outputs[0].type == DType.FLOAT32 &&
                io.inputs.drop(1).map { it.name }.toSet() == io.state.map { it.second }.toSet()
            demand(fits) { "${member.name} streams, but not sound of float32 (1, channels, samples) into stems" }
            return stream
        }
    }
}

/** A group of channels and its state. */
private class Lane(private val io: Io, private val first: Int, private val channels: Int) {
    private val audio = io.inputs[0]
    private val size = audio.shape[2]
    private var state = io.zeroState()

    fun reset() {
        state = io.zeroState()
    }

    fun run(member: LoadedMember, block: Array<FloatArray>, result: Array<Array<FloatArray>>) {
        val values = FloatArray(channels * size)
        for (channel in 0 until channels) block[first + channel].copyInto(values, channel * size)
        val outputs = member.call(state + (audio.name to Tensor.of(audio.shape, values)))
        state = io.state.associate { (source, sink) -> sink to outputs.getValue(source) }
        val stems = outputs.getValue(io.outputs[0].name).floats()
        for (stem in result.indices) {
            for (channel in 0 until channels) {
                val start = (stem * channels + channel) * size
                stems.copyInto(result[stem][first + channel], 0, start, start + size)
            }
        }
    }
}

/** Copies `source[from...]` to `target[to...]`, as far as both are there; [to] may be negative. */
private fun copyWhatIsThere(source: FloatArray, from: Int, target: FloatArray, to: Int) {
    val lost = maxOf(0, -to)
    val count = minOf(source.size - from, target.size - to) - lost
    if (count > 0) source.copyInto(target, to + lost, from + lost, from + lost + count)
}
