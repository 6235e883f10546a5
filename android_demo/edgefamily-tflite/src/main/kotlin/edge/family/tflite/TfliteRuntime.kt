package edge.family.tflite

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
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite

/** TFLite, by its Java API: `.tflite` files, called by the names of their signature. XNNPACK runs what it can. */
public class TfliteRuntime : Runtime {
    override val format: String get() = "tflite"

    override val version: String
        get() = try {
            "TensorFlow Lite ${TensorFlowLite.runtimeVersion()} for Android"
        } catch (error: LinkageError) {
            throw FamilyException("TFLite's library can't be loaded: ${error.message}", error)
        }

    override fun load(file: File, io: Io, threads: Int): Engine {
        val interpreter = try {
            Interpreter(file, Interpreter.Options().setNumThreads(threads))
        } catch (error: RuntimeException) {
            throw refusal(error)
        }
        try {
            return TfliteEngine(interpreter, io)
        } catch (error: RuntimeException) {
            interpreter.close()
            throw refusal(error)
        } catch (error: FamilyException) {
            interpreter.close()
            throw error
        }
    }

    private fun refusal(error: RuntimeException): FamilyException {
        val text = error.message ?: error.javaClass.name
        val lacks = LACKS_OPERATOR.any { it in text }
        return if (lacks) UnsupportedException("an operator is missing: $text", error) else FamilyException(text, error)
    }

    private companion object {
        val LACKS_OPERATOR = listOf("unresolved custom op", "Didn't find op", "Op builtin_code out of range")
    }
}

private class TfliteEngine(private val interpreter: Interpreter, private val io: Io) : Engine {
    private val results: Map<String, ByteBuffer>

    init {
        if (SIGNATURE !in interpreter.signatureKeys) throw FamilyException("the file has no signature $SIGNATURE")
        val problems = problems("input", io.inputs, interpreter.getSignatureInputs(SIGNATURE)) { input(it) } +
            problems("output", io.outputs, interpreter.getSignatureOutputs(SIGNATURE)) { output(it) }
        if (problems.isNotEmpty()) throw FamilyException(problems.joinToString("; "))
        results = io.outputs.associate {
            it.name to ByteBuffer.allocateDirect(output(it.name).numBytes()).order(ByteOrder.nativeOrder())
        }
    }

    override fun call(inputs: Map<String, Tensor>): Map<String, Tensor> {
        results.values.forEach { it.clear() }
        interpreter.runSignature(inputs.mapValues { it.value.buffer() }, results, SIGNATURE)
        return io.outputs.associate { spec ->
            spec.name to Tensor.of(dtypeOf(output(spec.name)), spec.shape, results.getValue(spec.name))
        }
    }

    override fun close() = interpreter.close()

    private fun input(name: String) = interpreter.getInputTensorFromSignature(name, SIGNATURE)

    private fun output(name: String) = interpreter.getOutputTensorFromSignature(name, SIGNATURE)

    private fun problems(
        side: String,
        specs: List<TensorSpec>,
        names: Array<String>,
        find: (String) -> org.tensorflow.lite.Tensor,
    ): List<String> {
        val wanted = specs.map { it.name }
        if (wanted.toSet() != names.toSet()) {
            return listOf("the file has the ${side}s ${names.sorted()}, not ${wanted.sorted()}")
        }
        return specs.mapNotNull { spec ->
            val tensor = find(spec.name)
            val found = "${typeName(tensor.dataType())} ${tensor.shape().toList()}"
            if (found == spec.toString()) null else "$side ${spec.name} is $found in the file, not $spec"
        }
    }

    private fun dtypeOf(tensor: org.tensorflow.lite.Tensor): DType =
        DType.values().first { it.label == typeName(tensor.dataType()) }

    private companion object {
        const val SIGNATURE = "serving_default"

        /** The name of a type in a manifest. Java's API has neither float16 nor float64. */
        fun typeName(type: DataType): String = type.name.lowercase()
    }
}
