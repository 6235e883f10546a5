package edge.app

import edge.family.LoadedMember
import edge.family.StemStream
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock

/** A member with its file and threads, as the picker chose it. */
internal data class Choice(val member: String, val artifact: String, val threads: Int)

/**
 * A song and its stems, at the members' rate. One thread writes stems while another one plays them.
 *
 * @property names The names of the stems.
 */
internal class Stems(val mixture: Sound, val names: List<String>) {
    private val parts = Array(names.size) { Array(mixture.channels.size) { FloatArray(mixture.samples) } }

    private val lock = ReentrantLock()
    private val more = lock.newCondition()

    /** The samples that have stems. It never goes back: a song that is separated again keeps its older stems. */
    @Volatile
    var ready: Int = 0
        private set

    /** Puts a block in place that begins at sample [start], which may be negative. `[stem][channel][sample]`. */
    fun put(block: Array<Array<FloatArray>>, start: Int) = lock.withLock {
        val from = maxOf(0, -start)
        val count = minOf(block[0][0].size, mixture.samples - start) - from
        if (count <= 0) return@withLock
        for (stem in parts.indices) {
            for (channel in parts[stem].indices) {
                block[stem][channel].copyInto(parts[stem][channel], start + from, from, from + count)
            }
        }
        ready = maxOf(ready, start + from + count)
        more.signalAll()
    }

    /** Copies samples of a stem that are ready. */
    fun read(stem: Int, channel: Int, start: Int, target: FloatArray, count: Int) {
        lock.withLock { parts[stem][channel].copyInto(target, 0, start, start + count) }
    }

    /** Waits, at most [milliseconds], until there are stems behind [position]. */
    fun awaitBeyond(position: Int, milliseconds: Long) {
        lock.withLock { if (ready <= position) more.await(milliseconds, TimeUnit.MILLISECONDS) }
    }
}

/** How far a separation is: [calls] of [all]; [realTimeFactor] is computing time by duration. */
internal data class Progress(val choice: Choice, val calls: Int, val all: Int, val realTimeFactor: Double)

/**
 * Separates a song call by call, and goes over to another member in the middle of it when [wanted] changes.
 *
 * @param load Loads a member; the stream owns it.
 * @param tell Called now and then, and at the end.
 */
internal class Separation(
    private val stems: Stems,
    private val wanted: () -> Choice,
    private val load: (Choice) -> LoadedMember,
    private val tell: (Progress) -> Unit,
) {
    @Volatile
    private var cancelled = false

    /** Ends [run] after the call that goes on. */
    fun cancel() {
        cancelled = true
    }

    /** Runs to the end of the song. Returns whether it got there. */
    fun run(): Boolean {
        var choice = wanted()
        val channels = stems.mixture.channels
        StemStream(load(choice), channels.size).use { stream ->
            val size = stream.stream.samples
            val delay = stream.stream.delay
            val all = ((stems.mixture.samples.toLong() + delay + size - 1) / size).toInt()
            var nanoseconds = 0L
            for (call in 0 until all) {
                if (cancelled) return false
                val now = wanted()
                if (now != choice) {
                    choice = now
                    stream.switchTo { load(now) }
                }
                val block = Array(channels.size) { channel ->
                    FloatArray(size).also {
                        val end = minOf(channels[channel].size, (call + 1) * size)
                        if (call * size < end) channels[channel].copyInto(it, 0, call * size, end)
                    }
                }
                val start = System.nanoTime()
                val result = stream.push(block)
                nanoseconds += System.nanoTime() - start
                stems.put(result, call * size - delay)
                val audio = (call + 1.0) * size / stream.stream.sampleRate
                val isTold = call % TELL == 0 || call == all - 1
                if (isTold) tell(Progress(choice, call + 1, all, nanoseconds / 1e9 / audio))
            }
        }
        return true
    }

    private companion object {
        const val TELL = 16
    }
}
