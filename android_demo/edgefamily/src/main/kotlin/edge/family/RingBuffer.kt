package edge.family

import java.util.concurrent.atomic.AtomicLong

/**
 * A ring of samples between two threads: one writes, one reads, none waits.
 *
 * @param capacity The most samples that it holds.
 */
public class RingBuffer(private val capacity: Int) {
    private val values = FloatArray(capacity)
    private val written = AtomicLong()
    private val read = AtomicLong()

    init {
        require(capacity > 0) { "a ring of $capacity samples holds nothing" }
    }

    /** The samples that can be read now. */
    public val available: Int get() = (written.get() - read.get()).toInt()

    /** The samples that can be written now. */
    public val free: Int get() = capacity - available

    /** Writes as many samples as there is room for, and returns their number. Called by the writing thread alone. */
    public fun write(source: FloatArray, offset: Int = 0, count: Int = source.size - offset): Int {
        val most = minOf(count, free)
        val start = (written.get() % capacity).toInt()
        val first = minOf(most, capacity - start)
        source.copyInto(values, start, offset, offset + first)
        source.copyInto(values, 0, offset + first, offset + most)
        written.addAndGet(most.toLong())
        return most
    }

    /** Reads as many samples as there are, and returns their number. Called by the reading thread alone. */
    public fun read(target: FloatArray, offset: Int = 0, count: Int = target.size - offset): Int {
        val most = minOf(count, available)
        val start = (read.get() % capacity).toInt()
        val first = minOf(most, capacity - start)
        values.copyInto(target, offset, start, start + first)
        values.copyInto(target, offset + first, 0, most - first)
        read.addAndGet(most.toLong())
        return most
    }
}
