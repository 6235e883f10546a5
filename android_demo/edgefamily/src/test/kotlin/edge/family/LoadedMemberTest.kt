package edge.family

import java.io.File
import java.nio.ByteOrder
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class LoadedMemberTest {
    private val image = TensorSpec("image", listOf(1, 2, 2, 3), layout = "NCHW")
    private val io = Io(listOf(image), listOf(image.copy(name = "mask")))
    private val own = Io(
        listOf(image.copy(name = "x", shape = listOf(1, 2, 3, 2), layout = "NHWC")),
        listOf(image.copy(name = "y", shape = listOf(1, 2, 3, 2), layout = "NHWC")),
    )
    private val pixels = FloatArray(12) { it.toFloat() }
    private val inputs = mapOf("image" to Tensor.of(image.shape, pixels))

    private fun load(network: (Map<String, Tensor>) -> Map<String, Tensor>, closed: () -> Unit = {}): LoadedMember =
        LoadedMember.load("w1 x", MadeUp(closed = closed, network = network), File("none"), own, io, 1)

    @Test
    fun `a file of another layout is called in its own, and answers in the member's`() {
        lateinit var given: FloatArray
        load({ given = it.getValue("x").floats(); mapOf("y" to it.getValue("x")) }).use { member ->
            val mask = member.call(inputs).getValue("mask")
            assertEquals(listOf(0f, 6f, 1f, 7f, 2f, 8f, 3f, 9f, 4f, 10f, 5f, 11f), given.toList())
            assertEquals(pixels.toList(), mask.floats().toList())
        }
    }

    @Test
    fun `a file of other types and without the batch of one is called in its own, and answers in the member's`() {
        val ids = TensorSpec("ids", listOf(1, 2), dtype = "int64")
        val io = Io(listOf(ids), listOf(TensorSpec("flags", listOf(1, 2), dtype = "bool")))
        val own = Io(
            listOf(TensorSpec("x", listOf(2), dtype = "int32")),
            listOf(TensorSpec("y", listOf(2), dtype = "int32")),
        )
        lateinit var given: Tensor
        val network = MadeUp { given = it.getValue("x"); mapOf("y" to integers("int32", listOf(2), 1, 0)) }
        LoadedMember.load("w1 x", network, File("none"), own, io, 1).use { member ->
            val flags = member.call(mapOf("ids" to integers("int64", listOf(1, 2), -7, 2147483647))).getValue("flags")
            assertTrue(given.sameBytes(integers("int32", listOf(2), -7, 2147483647)))
            assertEquals("int32 [2]", given.toString())
            assertTrue(flags.sameBytes(integers("bool", listOf(1, 2), 1, 0)))
            assertEquals("bool [1, 2]", flags.toString())
            assertRefused("x holds 2147483648, which is no int32") {
                member.call(mapOf("ids" to integers("int64", listOf(1, 2), 0, 2147483648)))
            }
        }
    }

    @Test
    fun `every integer type holds its ends, and no more`() {
        for (type in DType.values().filter { it.integers != null }) {
            val range = type.integers!!
            val ends = integers("int64", listOf(2), range.first, range.last)
            val (wide, own) = TensorSpec("w", listOf(2), "int64") to TensorSpec("o", listOf(2), type.label)
            assertTrue(ends.crossed(wide, own).crossed(own, wide).sameBytes(ends))
            if (type == DType.INT64) continue
            val above = integers("int64", listOf(2), 0, range.last + 1)
            assertRefused("o holds ${range.last + 1}, which is no ${type.label}") { above.crossed(wide, own) }
        }
    }

    private fun integers(type: String, shape: List<Int>, vararg values: Long): Tensor {
        val tensor = Tensor.zeros(DType.BY_LABEL.getValue(type), shape)
        val bytes = tensor.bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        for (value in values) {
            when (type) {
                "int64" -> bytes.putLong(value)
                "int32" -> bytes.putInt(value.toInt())
                else -> bytes.put(value.toByte())
            }
        }
        return tensor
    }

    @Test
    fun `one member is loaded at a time, and closing frees the place`() {
        val first = load({ emptyMap() })
        val error = assertThrows(IllegalStateException::class.java) { load({ emptyMap() }) }
        assertEquals("w1 x is loaded: close it before w1 x is loaded", error.message)
        first.close()
        load({ emptyMap() }).close()
    }

    @Test
    fun `a member is closed once, and not called afterwards`() {
        var closed = 0
        val member = load({ it }, { closed++ })
        member.close()
        member.close()
        assertEquals(1, closed)
        assertThrows(IllegalStateException::class.java) { member.call(inputs) }
    }

    @Test
    fun `an engine that fails in a call is one exception, in words, and the place is free again`() {
        load({ throw IllegalArgumentException("Internal error:\n node 3") }).use { member ->
            val error = assertThrows(FamilyException::class.java) { member.call(inputs) }
            assertEquals("w1 x failed in a call: IllegalArgumentException: Internal error: node 3", error.message)
        }
        load({ throw UnsatisfiedLinkError("no lib") }).use { member ->
            val error = assertThrows(FamilyException::class.java) { member.call(inputs) }
            assertTrue(error.message!!.startsWith("w1 x failed in a call: the runtime's library does not work here"))
        }
    }

    @Test
    fun `inputs and outputs that don't fit are refused`() {
        load({ mapOf("y" to Tensor.zeros(DType.FLOAT32, listOf(1, 2))) }).use { member ->
            assertRefused("w1 x takes [image], not [picture]") {
                member.call(mapOf("picture" to inputs.getValue("image")))
            }
            val small = mapOf("image" to Tensor.zeros(DType.FLOAT32, listOf(1, 2)))
            assertRefused("w1 x takes float32 [1, 2, 2, 3] as image, not float32 [1, 2]") { member.call(small) }
            assertRefused("output y of w1 x is float32 [1, 2], not float32 [1, 2, 3, 2]") { member.call(inputs) }
        }
        load({ emptyMap() }).use { member -> assertRefused("w1 x gave no output y") { member.call(inputs) } }
    }

    private fun assertRefused(message: String, call: () -> Unit) {
        assertEquals(message, assertThrows(FamilyException::class.java) { call() }.message)
    }
}
