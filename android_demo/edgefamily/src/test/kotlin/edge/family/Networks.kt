package edge.family

import java.io.File

/** A runtime whose network is a function, for what depends on no real one. [version] may throw. */
class MadeUp(
    override val format: String = "made_up",
    private val closed: () -> Unit = {},
    private val network: (Map<String, Tensor>) -> Map<String, Tensor>,
) : Runtime {
    override val version: String = "made up"

    override fun load(file: File, io: Io, threads: Int): Engine = object : Engine {
        override fun call(inputs: Map<String, Tensor>) = network(inputs)

        override fun close() = closed()
    }

    fun member(io: Io, name: String = "m"): LoadedMember = LoadedMember.load(name, this, File("none"), io, io, 1)
}

/** The first stem is the sound `delay` samples ago, the second its negative, as in `tests/vectors/make_vectors.py`. */
object Late {
    fun io(hop: Int, frames: Int, delay: Int): Io {
        val size = hop * frames
        return Io(
            listOf(TensorSpec("audio", listOf(1, 1, size)), TensorSpec("state", listOf(1, delay))),
            listOf(TensorSpec("stems", listOf(1, 2, 1, size)), TensorSpec("next_state", listOf(1, delay))),
            feedback = listOf(listOf("next_state", "state")),
            stream = Stream(8000, hop, frames, delay, listOf("same", "negative")),
        )
    }

    fun runtime(io: Io, gain: Float = 1f): MadeUp = MadeUp { inputs ->
        val late = inputs.getValue("state").floats() + inputs.getValue("audio").floats()
        val size = io.stream!!.samples
        val out = FloatArray(size) { gain * late[it] }
        mapOf(
            "stems" to Tensor.of(listOf(1, 2, 1, size), out + FloatArray(size) { -out[it] }),
            "next_state" to Tensor.of(listOf(1, late.size - size), late.copyOfRange(size, late.size)),
        )
    }
}
