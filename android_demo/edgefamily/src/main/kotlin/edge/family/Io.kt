package edge.family

import kotlinx.serialization.Serializable
import kotlinx.serialization.Transient

/**
 * One input or output: its name in the file, its fixed shape with the batch axis, which is always 1 on a device.
 *
 * @property layout The meaning of the axes, such as "NCHW"; empty: they have no such names.
 * @property unit The meaning of the values, such as "samples in -1..1 at 16000 Hz".
 * @property mean One number per channel of an image: the network's input is (pixels in 0..1 - mean) / std.
 */
@Serializable
public data class TensorSpec(
    val name: String,
    val shape: List<Int>,
    val dtype: String = "float32",
    val layout: String = "",
    val unit: String = "",
    val mean: List<Double> = emptyList(),
    val std: List<Double> = emptyList(),
) {
    @Transient
    internal val type: DType = DType.BY_LABEL[dtype] ?: DType.FLOAT32

    internal fun fits(tensor: Tensor): Boolean = tensor.dtype == type && tensor.shape == shape

    override fun toString(): String = "$dtype $shape"

    internal fun problems(): List<String> = buildList {
        if (!NAME.matches(name)) add("name must match $NAME, not ${quoted(name)}")
        when {
            shape.size > 8 || shape.any { it <= 0 } -> add("shape must be at most 8 positive integers")
            Tensor.byteCount(DType.INT8, shape) == null -> add("shape has 2^31 elements or more")
        }
        if (dtype !in DType.BY_LABEL) add("dtype must be one of ${DType.BY_LABEL.keys}, not ${quoted(dtype)}")
        if (layout.isNotEmpty() && layout.length != shape.size) add("layout must have one letter per axis, or none")
        if (unit.length > MAX_TEXT) add("unit must be a short string")
        if (mean.size != std.size || mean.size > 1024) add("mean and std must be as many numbers")
        if (std.any { it <= 0 }) add("std must be positive")
    }

    internal companion object {
        val NAME: Regex = Regex("[A-Za-z][A-Za-z0-9_]{0,62}")
    }
}

/**
 * The stream of a member. The last axis of its first input and output is time, in samples.
 *
 * @property sampleRate The sample rate in Hz.
 * @property hop The samples of one frame.
 * @property framesPerCall The frames in each call.
 * @property delay The samples by which the outputs lag behind the inputs, not counting the call that is filled first.
 * @property stems The names of the outputs' parts, on axis 1.
 */
@Serializable
public data class Stream(
    @kotlinx.serialization.SerialName("sample_rate") val sampleRate: Int,
    val hop: Int,
    @kotlinx.serialization.SerialName("frames_per_call") val framesPerCall: Int,
    val delay: Int,
    val stems: List<String>,
) {
    /** The samples of each call, per channel. */
    public val samples: Int get() = hop * framesPerCall

    /** From the arrival of a sample to its output in ms, without computing time. */
    public val latencyMs: Double get() = 1000.0 * (delay + samples) / sampleRate

    internal fun callsFor(samples: Int): Int = ((samples.toLong() + delay + this.samples - 1) / this.samples).toInt()

    internal fun problems(): List<String> = buildList {
        if (sampleRate !in 1..1_000_000) add("stream.sample_rate must be 1 to 1000000, not $sampleRate")
        if (hop !in 1..(1 shl 20)) add("stream.hop must be 1 to ${1 shl 20}, not $hop")
        if (framesPerCall !in 1..(1 shl 16)) add("stream.frames_per_call must be 1 to ${1 shl 16}, not $framesPerCall")
        if (delay !in 0..(1 shl 20)) add("stream.delay must be 0 to ${1 shl 20}, not $delay")
        if (hop.toLong() * framesPerCall > Int.MAX_VALUE) add("stream: a call has 2^31 samples or more")
        val named = stems.size in 1..64 && stems.all { TensorSpec.NAME.matches(it) }
        if (!named) add("stream.stems must be 1 to 64 names")
        if (stems.toSet().size < stems.size) add("stream.stems has a name twice")
    }
}

/**
 * The inputs and outputs of a member or of a file, in their order.
 *
 * @property feedback Pairs (output, input) of state that is fed back on the next call. It starts at zero.
 * @property labels The class names of the last axis of the first output, for a classifier.
 */
@Serializable
public data class Io(
    val inputs: List<TensorSpec>,
    val outputs: List<TensorSpec>,
    val feedback: List<List<String>> = emptyList(),
    val labels: List<String> = emptyList(),
    val stream: Stream? = null,
) {
    /** The pairs of [feedback]. */
    internal val state: List<Pair<String, String>> get() = feedback.map { it[0] to it[1] }

    internal fun zeroState(): Map<String, Tensor> {
        val sinks = state.map { it.second }.toSet()
        return inputs.filter { it.name in sinks }.associate { it.name to Tensor.zeros(it.type, it.shape) }
    }

    internal fun problems(where: String): List<String> {
        val found = ArrayList<String>()
        for ((side, specs) in listOf("inputs" to inputs, "outputs" to outputs)) {
            if (specs.size !in 1..64) found += "$side must be 1 to 64 tensors"
            specs.forEachIndexed { index, spec -> spec.problems().mapTo(found) { "$side[$index].$it" } }
        }
        val names = (inputs + outputs).map { it.name }
        if (names.toSet().size < names.size) found += "a name is used twice"
        found += feedbackProblems()
        stream?.problems()?.let { found += it }
        val short = labels.size <= 100_000 && labels.all { it.length <= MAX_TEXT }
        if (!short) found += "labels must be at most 100000 short strings"
        return found.map { "$where.$it" }
    }

    private fun feedbackProblems(): List<String> {
        if (feedback.any { it.size != 2 }) return listOf("feedback must be pairs of an output and an input")
        val sources = outputs.associateBy { it.name }
        val sinks = inputs.associateBy { it.name }
        val found = ArrayList<String>()
        for ((source, sink) in state) {
            val from = sources[source]
            val to = sinks[sink]
            when {
                from == null || to == null ->
                    found += "feedback ${quoted(source)} to ${quoted(sink)} does not name an output and an input"
                from.shape != to.shape || from.dtype != to.dtype ->
                    found += "feedback $source to $sink: their shapes or types differ"
            }
        }
        if (state.map { it.second }.toSet().size < feedback.size) found += "an input is fed back twice"
        return found
    }

    /** A member's audio is cut along its last axis: another size there would be cut wrongly. */
    internal fun streamProblems(where: String): List<String> {
        val samples = stream?.samples ?: return emptyList()
        return listOf("inputs" to inputs, "outputs" to outputs)
            .filter { (_, specs) -> specs.isNotEmpty() && specs[0].shape.lastOrNull() != samples }
            .map { (side, _) -> "$where.$side[0].shape does not end in the $samples samples of a call" }
    }
}

internal const val MAX_TEXT = 200

internal fun quoted(text: String): String = "\"${oneLine(text, 80)}\""
