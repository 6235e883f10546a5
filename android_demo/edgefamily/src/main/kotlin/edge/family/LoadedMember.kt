package edge.family

import java.io.File
import java.util.concurrent.atomic.AtomicReference

/**
 * A member that is ready to be called, in the member's own names, layouts and types.
 *
 * A process holds one at a time: ExecuTorch's pool of threads is not safe with more, and memory is short on phones. Any
 * thread may call it; calls and [close] wait for each other.
 *
 * @property name What messages call it, such as "d1w1 tflite-builtin-fp32".
 * @property io The member's inputs and outputs.
 */
public class LoadedMember private constructor(
    public val name: String,
    public val io: Io,
    private val own: Io,
    private val engine: Engine,
) : AutoCloseable {
    private var closed = false

    /**
     * Calls the member once.
     *
     * @param inputs All inputs by name, state included, in the shapes and types of [io].
     * @return All outputs by name. They are copies.
     * @throws FamilyException An input is missing or does not fit, or the runtime failed in the call.
     * @throws IllegalStateException It is closed.
     */
    public fun call(inputs: Map<String, Tensor>): Map<String, Tensor> {
        demand(inputs.keys == io.inputs.map { it.name }.toSet()) {
            "$name takes ${io.inputs.map { it.name }}, not ${inputs.keys}"
        }
        for (spec in io.inputs) {
            val tensor = inputs.getValue(spec.name)
            demand(spec.fits(tensor)) { "$name takes $spec as ${spec.name}, not $tensor" }
        }
        val outputs = callOwn(ownInputs(inputs))
        return io.outputs.zip(own.outputs).associate { (member, file) ->
            member.name to outputs.getValue(file.name).crossed(file, member)
        }
    }

    /** Returns those of the member's inputs that are in [inputs], in the file's names, layouts and types. */
    internal fun ownInputs(inputs: Map<String, Tensor>): Map<String, Tensor> =
        io.inputs.zip(own.inputs).filter { it.first.name in inputs }.associate { (member, file) ->
            file.name to inputs.getValue(member.name).crossed(member, file)
        }

    /** The pairs of an output and an input, in the file's names, layouts and types, that are fed back. */
    internal val ownState: List<Pair<TensorSpec, TensorSpec>> = io.state.map { (source, sink) ->
        val from = own.outputs[io.outputs.indexOfFirst { it.name == source }]
        from to own.inputs[io.inputs.indexOfFirst { it.name == sink }]
    }

    /** Calls the file in its own names, layouts and types. */
    @Synchronized
    internal fun callOwn(inputs: Map<String, Tensor>): Map<String, Tensor> {
        check(!closed) { "$name is closed" }
        val outputs = runtimeCall("$name failed in a call") { engine.call(inputs) }
        for (spec in own.outputs) {
            val tensor = outputs[spec.name] ?: throw FamilyException("$name gave no output ${spec.name}")
            demand(spec.fits(tensor)) { "output ${spec.name} of $name is $tensor, not $spec" }
        }
        return outputs
    }

    /** Frees the member, and lets another one be loaded. It may be closed twice. */
    @Synchronized
    override fun close() {
        if (closed) return
        closed = true
        try {
            engine.close()
        } finally {
            LOADED.set(null)
        }
    }

    internal companion object {
        /** The name of the member that is loaded; null: none. */
        private val LOADED = AtomicReference<String?>(null)

        /**
         * Loads a file.
         *
         * @throws IllegalStateException Another one is loaded.
         */
        fun load(name: String, runtime: Runtime, file: File, own: Io, io: Io, threads: Int): LoadedMember {
            demand(threads in 1..64) { "$threads is not a number of threads from 1 to 64" }
            demand(own.inputs.size == io.inputs.size && own.outputs.size == io.outputs.size) {
                "the file of $name has other inputs or outputs than its member"
            }
            check(LOADED.compareAndSet(null, name)) { "${LOADED.get()} is loaded: close it before $name is loaded" }
            try {
                val engine = runtimeCall("$name can't be loaded") { runtime.load(file, own, threads) }
                return LoadedMember(name, io, own, engine)
            } catch (error: Throwable) {
                LOADED.set(null)
                throw error
            }
        }
    }
}

/** Runs [block], which enters a runtime: whatever it throws becomes a [FamilyException]. */
internal inline fun <T> runtimeCall(what: String, block: () -> T): T =
    try {
        block()
    } catch (error: UnsupportedException) {
        throw UnsupportedException("$what: ${error.message}", error)
    } catch (error: Exception) {
        val kind = if (error is FamilyException) "" else "${error.javaClass.simpleName}: "
        throw FamilyException("$what: $kind${oneLine(error.message ?: "no reason given")}", error)
    } catch (error: LinkageError) {
        throw FamilyException("$what: the runtime's library does not work here: ${oneLine(error.toString())}", error)
    }
