package edge.family

import kotlin.concurrent.thread
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class RingBufferTest {
    @Test
    fun `it takes what fits and gives what is there`() {
        val ring = RingBuffer(5)
        val target = FloatArray(9)
        assertEquals(0, ring.read(target))
        assertEquals(5, ring.write(FloatArray(7) { it.toFloat() }))
        assertEquals(0, ring.free)
        assertEquals(3, ring.read(target, 1, 3))
        assertEquals(listOf(0f, 1f, 2f), target.slice(1..3))
        assertEquals(3, ring.write(FloatArray(7) { 10f + it }, 2))
        assertEquals(5, ring.read(target))
        assertEquals(listOf(3f, 4f, 12f, 13f, 14f), target.take(5))
    }

    @Test
    fun `nothing is lost between two threads`() {
        val ring = RingBuffer(97)
        val total = 200_000
        val writer = thread {
            var next = 0
            while (next < total) next += ring.write(FloatArray(minOf(31, total - next)) { (next + it).toFloat() })
        }
        var expected = 0
        val target = FloatArray(53)
        while (expected < total) {
            val count = ring.read(target)
            for (index in 0 until count) assertTrue(target[index] == (expected + index).toFloat())
            expected += count
        }
        writer.join()
        assertEquals(0, ring.available)
    }
}
