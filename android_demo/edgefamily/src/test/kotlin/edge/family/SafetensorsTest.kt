package edge.family

import java.io.File
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

class SafetensorsTest {
    @TestFactory
    fun `files are read or refused as in Python`(): List<DynamicTest> = Vectors.cases("safetensors").map { case ->
        dynamicTest(case.text("name")) {
            val file = File.createTempFile("vector", ".safetensors")
            file.writeBytes(case.text("hex").chunked(2).map { it.toInt(16).toByte() }.toByteArray())
            val arrays = case.getValue("arrays")
            if (arrays is JsonNull) {
                val error = assertThrows(FamilyException::class.java) { Safetensors.read(file) }
                assertFalse(error.message!!.contains('\n'), error.message)
                assertEquals("twice" in case.text("name"), error.message!!.endsWith("has a name twice"), error.message)
            } else {
                assertHolds(arrays.jsonObject, Safetensors.read(file))
                val written = File.createTempFile("written", ".safetensors")
                Safetensors.write(written, Safetensors.read(file))
                assertHolds(arrays.jsonObject, Safetensors.read(written))
                written.delete()
            }
            file.delete()
        }
    }

    private fun assertHolds(arrays: JsonObject, tensors: Map<String, Tensor>) {
        assertEquals(arrays.keys, tensors.keys)
        for ((name, array) in arrays) {
            val tensor = tensors.getValue(name)
            assertEquals(array.jsonObject.text("dtype"), tensor.dtype.label)
            assertEquals(array.jsonObject["shape"].list().map { it.jsonPrimitive.int }, tensor.shape)
            val values = array.jsonObject["values"].list().map { it.jsonPrimitive.content }
            assertEquals(values.size, tensor.size)
            values.forEachIndexed { index, value -> assertTrue(sameElement(tensor, index, value), "$name[$index]") }
        }
    }

    private fun sameElement(tensor: Tensor, index: Int, value: String): Boolean {
        val bytes = tensor.buffer()
        return when (tensor.dtype) {
            DType.FLOAT32 -> bytes.getFloat(4 * index) == value.toDouble().toFloat()
            DType.INT8 -> bytes.get(index).toString() == value
            DType.INT64 -> bytes.getLong(8 * index).toString() == value
            DType.BOOL -> (bytes.get(index) != 0.toByte()).toString() == value
            DType.FLOAT16 -> bytes.getShort(2 * index) == 0x4100.toShort() && value == "2.5"
            else -> false
        }
    }
}
