/**
 * What executorch-declarations declares, answered by ExecuTorch for Python in a process of its own: see `engine.py`.
 *
 * The system property `python` names the Python, `engine` the program. A process that ends without an answer is an
 * error of the call, where on a phone the app would end.
 */
package org.pytorch.executorch

import java.io.Closeable
import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.File
import java.io.IOException
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.IntBuffer
import java.nio.LongBuffer

private const val INTERNAL = 1
private const val INVALID_ARGUMENT = 0x12

public open class Module private constructor(path: String, threads: Int) : Closeable {
    private val process = ProcessBuilder(property("python"), property("engine"), path, "$threads")
        .redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val questions = DataOutputStream(process.outputStream.buffered(1 shl 16))
    private val answers = DataInputStream(process.inputStream.buffered(1 shl 16))

    public open fun forward(vararg inputs: EValue): Array<EValue> = execute("forward", *inputs)

    public open fun execute(methodName: String, vararg inputs: EValue): Array<EValue> {
        loadMethod(methodName)
        return asked {
            questions.writeInt(inputs.size)
            inputs.forEach { it.toTensor().writeTo(questions) }
            questions.flush()
        }
    }

    public open fun loadMethod(methodName: String) {
        if (methodName == "forward") return
        throw ExecutorchRuntimeException(INVALID_ARGUMENT, "there is no method $methodName")
    }

    public open fun getMethods(): Array<String> = arrayOf("forward")

    public open fun destroy(): Unit = close()

    override fun close() {
        process.destroyForcibly().waitFor()
    }

    private fun asked(question: () -> Unit): Array<EValue> = try {
        question()
        val status = answers.readInt()
        if (status != 0) {
            val line = ByteArray(answers.readInt()).also { answers.readFully(it) }
            throw ExecutorchRuntimeException(status, String(line, Charsets.UTF_8))
        }
        Array(answers.readInt()) { EValue.from(Tensor.readFrom(answers)) }
    } catch (error: IOException) {
        throw ExecutorchRuntimeException(INTERNAL, "ExecuTorch's process ended: $error")
    }

    public companion object {
        public const val LOAD_MODE_FILE: Int = 0
        public const val LOAD_MODE_MMAP: Int = 1

        @JvmStatic
        @JvmOverloads
        public fun load(modelPath: String?, loadMode: Int = LOAD_MODE_FILE, numThreads: Int = 0): Module {
            require(loadMode == LOAD_MODE_FILE || loadMode == LOAD_MODE_MMAP)
            require(modelPath != null && File(modelPath).canRead()) { "Cannot load model path $modelPath" }
            val threads = if (numThreads > 0) numThreads else Runtime.getRuntime().availableProcessors()
            val module = Module(modelPath, threads)
            try {
                module.asked {}
            } catch (error: ExecutorchRuntimeException) {
                module.close()
                throw error
            }
            return module
        }

        private fun property(name: String): String =
            checkNotNull(System.getProperty(name)) { "the system property $name is missing" }
    }
}

public class EValue private constructor(private val tensor: Tensor) {
    public fun isTensor(): Boolean = true

    public fun toTensor(): Tensor = tensor

    public companion object {
        @JvmStatic
        public fun from(tensor: Tensor): EValue = EValue(tensor)
    }
}

public abstract class Tensor internal constructor(private val shape: LongArray) {
    public fun shape(): LongArray = shape.copyOf()

    public abstract fun dtype(): DType

    public open val dataAsFloatArray: FloatArray get() = error("the tensor is ${dtype()}, not FLOAT")

    public open val dataAsIntArray: IntArray get() = error("the tensor is ${dtype()}, not INT32")

    public open val dataAsLongArray: LongArray get() = error("the tensor is ${dtype()}, not INT64")

    protected abstract fun putInto(bytes: ByteBuffer)

    internal fun writeTo(stream: DataOutputStream) {
        stream.writeInt(dtype().ordinal)
        stream.writeInt(shape.size)
        shape.forEach { stream.writeInt(it.toInt()) }
        val bytes = ByteBuffer.allocate(bytesOf(dtype(), shape)).order(ByteOrder.LITTLE_ENDIAN)
        putInto(bytes)
        stream.write(bytes.array())
    }

    public companion object {
        @JvmStatic
        public fun fromBlob(data: FloatBuffer, shape: LongArray): Tensor = Floats(checked(data, shape), shape)

        @JvmStatic
        public fun fromBlob(data: IntBuffer, shape: LongArray): Tensor = Ints(checked(data, shape), shape)

        @JvmStatic
        public fun fromBlob(data: LongBuffer, shape: LongArray): Tensor = Longs(checked(data, shape), shape)

        internal fun readFrom(stream: DataInputStream): Tensor {
            val dtype = DType.values()[stream.readInt()]
            val shape = LongArray(stream.readInt()) { stream.readInt().toLong() }
            val content = ByteArray(bytesOf(dtype, shape)).also { stream.readFully(it) }
            val bytes = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)
            return when (dtype) {
                DType.FLOAT -> Floats(bytes.asFloatBuffer(), shape)
                DType.INT32 -> Ints(bytes.asIntBuffer(), shape)
                else -> Longs(bytes.asLongBuffer(), shape)
            }
        }

        /** As Android's own: memory that the library reads in place, in its own byte order. */
        private fun <T : Buffer> checked(data: T, shape: LongArray): T {
            require(data.isDirect) { "Data buffer must be direct (java.nio.ByteBuffer#allocateDirect)" }
            require(data.capacity().toLong() == shape.fold(1L, Long::times)) { "Inconsistent data and shape" }
            return data
        }

        private fun bytesOf(dtype: DType, shape: LongArray): Int =
            shape.fold(if (dtype == DType.INT64) 8L else 4L, Math::multiplyExact).toInt()
    }
}

private class Floats(private val data: FloatBuffer, shape: LongArray) : Tensor(shape) {
    override fun dtype() = DType.FLOAT

    override val dataAsFloatArray
        get() = FloatArray(data.capacity()).also { data.duplicate().apply { clear() }.get(it) }

    override fun putInto(bytes: ByteBuffer) {
        bytes.asFloatBuffer().put(dataAsFloatArray)
    }
}

private class Ints(private val data: IntBuffer, shape: LongArray) : Tensor(shape) {
    override fun dtype() = DType.INT32

    override val dataAsIntArray
        get() = IntArray(data.capacity()).also { data.duplicate().apply { clear() }.get(it) }

    override fun putInto(bytes: ByteBuffer) {
        bytes.asIntBuffer().put(dataAsIntArray)
    }
}

private class Longs(private val data: LongBuffer, shape: LongArray) : Tensor(shape) {
    override fun dtype() = DType.INT64

    override val dataAsLongArray
        get() = LongArray(data.capacity()).also { data.duplicate().apply { clear() }.get(it) }

    override fun putInto(bytes: ByteBuffer) {
        bytes.asLongBuffer().put(dataAsLongArray)
    }
}

public enum class DType {
    UINT8,
    INT8,
    INT16,
    INT32,
    INT64,
    HALF,
    FLOAT,
    DOUBLE,
}

public class ExecutorchRuntimeException(public val errorCode: Int, message: String) : RuntimeException(message)

public class ExecuTorchRuntime private constructor() {
    public companion object {
        @JvmStatic
        public fun getRegisteredBackends(): Array<String> = arrayOf("XnnpackBackend")
    }
}
