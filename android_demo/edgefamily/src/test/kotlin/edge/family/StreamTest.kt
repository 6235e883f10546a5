package edge.family

import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.float
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

class StreamTest {
    private fun floats(element: JsonElement?) = element.list().map { it.jsonPrimitive.float }

    private fun JsonObject.number(name: String) = getValue(name).jsonPrimitive.int

    @TestFactory
    fun `recordings are cut into the calls of Python, and stems put together as there`(): List<DynamicTest> =
        Vectors.cases("streams").map { case ->
            dynamicTest(case.text("name")) {
                val io = Late.io(case.number("hop"), case.number("frames_per_call"), case.number("delay"))
                val recording = floats(case["recording"]).toFloatArray()
                val calls = case["calls"].list().map { it.jsonObject }.iterator()
                val network = Late.runtime(io).member(io).use { late ->
                    val run = { inputs: Map<String, Tensor> ->
                        val call = calls.next()["inputs"]!!.jsonObject
                        for ((name, values) in call) {
                            assertEquals(floats(values), inputs.getValue(name).floats().toList())
                        }
                        late.call(inputs)
                    }
                    streamEach(run, io, io.stream!!, Tensor.of(listOf(1, 1, recording.size), recording))
                }
                assertTrue(!calls.hasNext())
                val result = case["result"]!!.jsonObject
                assertEquals(result["shape"].list().map { it.jsonPrimitive.int }, network.getValue("stems").shape)
                assertEquals(floats(result["values"]), network.getValue("stems").floats().toList())
                StemStream(Late.runtime(io).member(io), 1).use { stream ->
                    val stems = stream.separate(arrayOf(recording))
                    assertEquals(floats(result["values"]), stems.flatMap { it[0].toList() })
                }
            }
        }

    private val io = Late.io(4, 2, 5)

    private fun sound(channels: Int, samples: Int) =
        Array(channels) { c -> FloatArray(samples) { 0.01f * (it + 1) * (c + 1) } }

    @Test
    fun `stereo, short, empty and odd sounds come out aligned and as long`() {
        for (channels in 1..3) {
            for (samples in listOf(0, 1, 2, 7, 8, 9, 41)) {
                StemStream(Late.runtime(io).member(io), channels).use { stream ->
                    val sound = sound(channels, samples)
                    repeat(2) { // the second time shows that nothing is left of the first
                        val (same, negative) = stream.separate(sound)
                        for (channel in 0 until channels) {
                            assertEquals(sound[channel].toList(), same[channel].toList())
                            assertEquals(sound[channel].map { -it }, negative[channel].toList())
                        }
                    }
                }
            }
        }
    }

    @Test
    fun `live sound in pieces of any size is the same sound`() {
        val sound = FloatArray(2 * 101) { it + 1f }
        StemStream(Late.runtime(io).member(io), 2).use { stream ->
            val live = LiveStems(stream, 2, seconds = 0.0)
            val heard = ArrayList<Float>()
            val piece = FloatArray(6)
            var offered = 0
            var silence = 0
            while (heard.size < sound.size) {
                val part = sound.copyOfRange(offered, minOf(sound.size, offered + 10))
                if (part.isEmpty()) silence += live.offer(FloatArray(16)) else offered += live.offer(part)
                live.process()
                val count = live.take(0, piece)
                heard += piece.take(count)
                live.take(1, piece)
                assertTrue(silence < 1000)
            }
            assertEquals(sound.toList(), heard.take(sound.size))
        }
    }

    @Test
    fun `sound that does not fit is refused`() {
        StemStream(Late.runtime(io).member(io), 2).use { stream ->
            assertRefused("the sound has 1 channels, not 2") { stream.separate(sound(1, 8)) }
            assertRefused("channel 1 has 7 samples, not 8") { stream.separate(arrayOf(FloatArray(8), FloatArray(7))) }
            val bad = sound(2, 8).also { it[1][3] = Float.NaN }
            assertRefused("sample 3 of channel 1 is NaN: a stream never forgets such a value") { stream.push(bad) }
        }
    }

    @Test
    fun `a member that is switched in starts from zero, and fades in over one call`() {
        val ones = arrayOf(FloatArray(8) { 1f })
        StemStream(Late.runtime(io, 1f).member(io), 1).use { stream ->
            repeat(3) { stream.push(ones) }
            stream.switchTo { Late.runtime(io, 3f).member(io) }
            val faded = stream.push(ones)[0][0]
            assertTrue(faded.first() in 1f..1.1f && faded.last() in 2.9f..3f, faded.toList().toString())
            assertTrue((1 until 8).all { faded[it] > faded[it - 1] }, faded.toList().toString())
            assertEquals(List(8) { 3f }, stream.push(ones)[0][0].toList())
        }
    }

    @Test
    fun `a switch that fails is one exception, and another one goes on`() {
        val ones = arrayOf(FloatArray(8) { 1f })
        StemStream(Late.runtime(io).member(io), 1).use { stream ->
            stream.push(ones)
            stream.switchTo { throw FamilyException("the file is missing") }
            assertRefused("the file is missing") { stream.push(ones) }
            assertThrows(IllegalStateException::class.java) { stream.push(ones) }
            val other = Late.io(4, 2, 6)
            stream.switchTo { Late.runtime(other).member(other, "other") }
            assertRefused("other streams otherwise than the member before it") { stream.push(ones) }
            stream.switchTo { Late.runtime(io).member(io) }
            assertEquals(8, stream.push(ones)[0][0].size)
        }
    }

    private fun assertRefused(message: String, call: () -> Unit) {
        assertEquals(message, assertThrows(FamilyException::class.java) { call() }.message)
    }
}
