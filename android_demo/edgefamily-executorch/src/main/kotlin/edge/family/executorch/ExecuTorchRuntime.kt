package edge.family.executorch

import edge.family.DType
import edge.family.Engine
import edge.family.FamilyException
import edge.family.Io
import edge.family.Runtime
import edge.family.Tensor
import edge.family.TensorSpec
import edge.family.UnsupportedException
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.pytorch.executorch.EValue
import org.pytorch.executorch.ExecuTorchRuntime as Library
import org.pytorch.executorch.ExecutorchRuntimeException
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor as ExecuTorchTensor

/**
 * ExecuTorch, by `org.pytorch:executorch-android`: `.pte` files.
 *
 * The files name neither inputs nor outputs, so their order is that of the manifest. Their types are float32, int32 or
 * int64. The library says no version of its own.
 *
 * @param release The version of the library that the app was built with, such as "1.4.0".
 */
public class ExecuTorchRuntime(private val release: String) : Runtime {
    override val format: String get() = "executorch"

    override val version: String
        get() = try {
            "ExecuTorch $release for Android, ${Library.getRegisteredBackends().sorted().joinToString(" ")}"
        } catch (error: LinkageError) {
            throw FamilyException("ExecuTorch's library can't be loaded: ${error.message}", error)
        }

    override fun load(file: File, io: Io, threads: Int): Engine {
        val other = (io.inputs + io.outputs).filter { it.dtype !in TYPES }
        other.firstOrNull()?.let { throw UnsupportedException("${it.name} is ${it.dtype}: the engine takes $TYPES") }
        return translated {
            val module = Module.load(file.path, Module.LOAD_MODE_MMAP, threads)
            try {
                module.loadMethod(METHOD)
                ExecuTorchEngine(module, io)
            } catch (error: RuntimeException) {
                module.close()
                throw error
            }
        }
    }
}

private const val METHOD = "forward"
private const val OPERATOR_MISSING = 0x14
private val TYPES = setOf("float32", "int32", "int64")

private class ExecuTorchEngine(private val module: Module, private val io: Io) : Engine {
    /** An input must be there: without any, ExecuTorch runs on ones, and says nothing. */
    override fun call(inputs: Map<String, Tensor>): Map<String, Tensor> = translated {
        val values = io.inputs.map { EValue.from(native(it, inputs.getValue(it.name))) }
        val results = module.execute(METHOD, *values.toTypedArray())
        if (results.size != io.outputs.size || !results.all { it.isTensor() }) {
            throw FamilyException("the file gives ${results.size} outputs, not ${io.outputs.size} tensors")
        }
        // Copies: the library's tensors are memory that the next call writes.
        io.outputs.zip(results.toList()).associate { (spec, value) -> spec.name to copyOf(spec, value.toTensor()) }
    }

    override fun close() = module.close()

    private fun native(spec: TensorSpec, tensor: Tensor): ExecuTorchTensor {
        val shape = tensor.shape.map { it.toLong() }.toLongArray()
        val bytes = tensor.buffer()
        return when (spec.dtype) {
            "float32" -> ExecuTorchTensor.fromBlob(bytes.asFloatBuffer(), shape)
            "int32" -> ExecuTorchTensor.fromBlob(bytes.asIntBuffer(), shape)
            else -> ExecuTorchTensor.fromBlob(bytes.asLongBuffer(), shape)
        }
    }

    private fun copyOf(spec: TensorSpec, tensor: ExecuTorchTensor): Tensor {
        val shape = tensor.shape().map { Math.toIntExact(it) }
        val count = BYTES.getValue(spec.dtype) * shape.fold(1, Int::times)
        val bytes = ByteBuffer.allocateDirect(count).order(ByteOrder.LITTLE_ENDIAN)
        when (spec.dtype) {
            "float32" -> bytes.asFloatBuffer().put(tensor.dataAsFloatArray)
            "int32" -> bytes.asIntBuffer().put(tensor.dataAsIntArray)
            else -> bytes.asLongBuffer().put(tensor.dataAsLongArray)
        }
        return Tensor.of(DType.values().first { it.label == spec.dtype }, shape, bytes)
    }

    private companion object {
        val BYTES = mapOf("float32" to 4, "int32" to 4, "int64" to 8)
    }
}

/** Runs [block]; what ExecuTorch throws becomes this library's exception, with the number of its error. */
private inline fun <T> translated(block: () -> T): T =
    try {
        block()
    } catch (error: ExecutorchRuntimeException) {
        val text = "error 0x%02x: %s".format(error.errorCode, error.message)
        if (error.errorCode == OPERATOR_MISSING) throw UnsupportedException(text, error)
        throw FamilyException(text, error)
    } catch (error: IllegalArgumentException) {
        throw FamilyException("${error.message}", error)
    }
