package edge.family.tflite

import edge.family.Family
import edge.family.LoadedMember
import edge.family.StemStream
import edge.family.Tensor
import edge.family.testing.Bundles
import edge.family.testing.snrDb
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.sin
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class StemStreamTest {
    private val family = Family.open(Bundles.separator)
    private val runtime = TfliteRuntime()

    private fun load(member: String): LoadedMember = family.load(member, "tflite-builtin-fp32", runtime)

    private val mixture = Bundles.golden(Bundles.separator, "inputs").getValue("audio").floats().copyOf(160_000)

    @Test
    fun `a recording of 10 s gives the golden's stems`() {
        StemStream(load("d1w1"), 1).use { stream ->
            val stems = stream.separate(arrayOf(mixture))
            val golden = Bundles.golden(Bundles.separator, "d1w1").getValue("stems").floats().copyOf(2 * 160_000)
            assertTrue(snrDb(golden, stems[0][0] + stems[1][0]) > 90)
        }
    }

    @Test
    fun `stereo is both channels on their own, and any length comes out as long`() {
        StemStream(load("d1w1"), 2).use { stream ->
            for (samples in listOf(0, 1, 255, 256, 257, 4_001)) {
                val left = mixture.copyOf(samples)
                val right = mixture.copyOfRange(40_000, 40_000 + samples)
                val both = stream.separate(arrayOf(left, right))
                val swapped = stream.separate(arrayOf(right, left))
                for (stem in both.indices) {
                    assertEquals(samples, both[stem][0].size)
                    assertTrue(both[stem][0].contentEquals(swapped[stem][1]))
                    assertTrue(both[stem][1].contentEquals(swapped[stem][0]))
                }
                if (samples > 256) assertTrue(both[0][0].any { it != 0f })
            }
        }
    }

    @Test
    fun `outputs stay as they are when the member is called again`() {
        load("d1w1").use { member ->
            val state = Tensor.zeros(edge.family.DType.FLOAT32, member.io.inputs[1].shape)
            fun call(from: Int) = member.call(
                mapOf("audio" to Tensor.of(listOf(1, 1, 256), mixture.copyOfRange(from, from + 256)), "state" to state),
            )
            val first = call(40_000)
            val before = first.mapValues { it.value.floats() }
            val second = call(80_000)
            assertTrue(first.all { (name, tensor) -> tensor.floats().contentEquals(before.getValue(name)) })
            assertTrue(first.any { (name, tensor) -> !tensor.floats().contentEquals(second.getValue(name).floats()) })
        }
    }

    /** A click is a jump that the sound itself does not have: the largest second difference of a part of it. */
    private fun roughness(sound: FloatArray, from: Int, to: Int): Float =
        (from until to).maxOf { abs(sound[it] - 2 * sound[it - 1] + sound[it - 2]) }

    private fun run(stream: StemStream, tone: FloatArray, from: Int, to: Int): FloatArray =
        (from until to).flatMap {
            stream.push(arrayOf(tone.copyOfRange(256 * it, 256 * (it + 1))))[1][0].toList()
        }.toFloatArray()

    @Test
    fun `a member that is switched in mid-stream makes no click`() {
        val calls = 60
        val at = 30
        fun sine(hertz: Int, sample: Int) = sin(2 * PI * hertz * sample / 16_000)
        val tone = FloatArray(256 * calls) { (0.4 * sine(220, it) + 0.2 * sine(331, it)).toFloat() }
        val old = StemStream(load("d1w1"), 1).use { run(it, tone, 0, calls) }
        val new = StemStream(load("d2w2"), 1).use { run(it, tone, 0, calls) }
        val switched = StemStream(load("d1w1"), 1).use { stream ->
            val before = run(stream, tone, 0, at)
            stream.switchTo { load("d2w2") }
            before + run(stream, tone, at, calls)
        }
        val cold = StemStream(load("d2w2"), 1).use { run(it, tone, at, calls) }
        val hard = old.copyOf(256 * at) + cold

        val start = 256 * (at - 1)
        val end = 256 * (at + 3)
        val own = maxOf(roughness(old, start, end), roughness(new, start, end))
        val faded = roughness(switched, start, end)
        val cut = roughness(hard, start, end)
        println("largest second difference: members alone %.4f, cross-fade %.4f, hard cut %.4f".format(own, faded, cut))
        assertTrue(faded <= 1.5f * own, "a click of $faded, where the members alone have $own")
        assertTrue(cut > 3 * own, "a hard cut of $cut would not be heard either: the test shows nothing")
        assertTrue(old.copyOf(256 * at).contentEquals(switched.copyOf(256 * at)))
        val far = 256 * (calls - 8)
        assertTrue(snrDb(new.copyOfRange(far, new.size), switched.copyOfRange(far, new.size)) > 20)
    }
}
