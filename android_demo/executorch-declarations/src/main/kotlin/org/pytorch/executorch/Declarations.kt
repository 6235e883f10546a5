/**
 * The part of `org.pytorch:executorch-android` that edgefamily calls, as its public sources declare it.
 *
 * The library itself can't be had by every build. An app takes the real one; these never reach it. A call that does not
 * compile here would not compile there.
 */
package org.pytorch.executorch

import java.io.Closeable
import java.nio.FloatBuffer
import java.nio.IntBuffer
import java.nio.LongBuffer

private fun declared(): Nothing =
    throw UnsupportedOperationException("only a declaration: add org.pytorch:executorch-android")

public open class Module private constructor() : Closeable {
    public open fun forward(vararg inputs: EValue): Array<EValue> = declared()

    public open fun execute(methodName: String, vararg inputs: EValue): Array<EValue> = declared()

    public open fun loadMethod(methodName: String): Unit = declared()

    public open fun getMethods(): Array<String> = declared()

    public open fun destroy(): Unit = declared()

    override fun close(): Unit = declared()

    public companion object {
        public const val LOAD_MODE_FILE: Int = 0
        public const val LOAD_MODE_MMAP: Int = 1

        @JvmStatic
        @JvmOverloads
        public fun load(modelPath: String?, loadMode: Int = LOAD_MODE_FILE, numThreads: Int = 0): Module = declared()
    }
}

public class EValue private constructor() {
    public fun isTensor(): Boolean = declared()

    public fun toTensor(): Tensor = declared()

    public companion object {
        @JvmStatic
        public fun from(tensor: Tensor): EValue = declared()
    }
}

public abstract class Tensor internal constructor() {
    public fun shape(): LongArray = declared()

    public abstract fun dtype(): DType

    public open val dataAsFloatArray: FloatArray get() = declared()

    public open val dataAsIntArray: IntArray get() = declared()

    public open val dataAsLongArray: LongArray get() = declared()

    public companion object {
        @JvmStatic
        public fun fromBlob(data: FloatBuffer, shape: LongArray): Tensor = declared()

        @JvmStatic
        public fun fromBlob(data: IntBuffer, shape: LongArray): Tensor = declared()

        @JvmStatic
        public fun fromBlob(data: LongBuffer, shape: LongArray): Tensor = declared()
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
        public fun getRegisteredBackends(): Array<String> = declared()
    }
}
