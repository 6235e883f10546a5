package edge.family

import java.io.File
import kotlin.math.abs
import kotlin.math.ceil

private const val SAMPLE_SECONDS = 0.001 // clocks are too coarse for a single call of less
private const val WINDOW_SECONDS = 0.1
private const val STABLE = 0.02 // the warm-up ends when the medians of two windows in a row differ by less
private const val MAX_SAMPLES = 1_000_000
private const val MAX_CALLS = 64 // recorded calls that a bench repeats
private const val MEMORY_CALLS = 5

/** One item, ready to run: its loader, and its recorded inputs in the member's names and layouts. */
internal class Job(val item: Item, val samples: Map<String, Tensor>, val count: Int, val load: () -> LoadedMember)

/** Runs all recorded inputs and leaves the outputs in [staged]. Returns what it adds to the status. */
internal fun verify(job: Job, staged: File, status: ItemStatus): ItemStatus {
    val io = job.item.memberIo
    fun runAll(member: LoadedMember): Map<String, Tensor> {
        val stream = io.stream ?: return callEach(member::call, io, job.samples, job.count)
        return streamEach(member::call, io, stream, job.samples.getValue(io.inputs[0].name))
    }
    val start = seconds()
    var loaded = start
    val outputs = job.load().use {
        loaded = seconds()
        runAll(it)
    }
    val done = seconds()
    Safetensors.write(File(staged, ItemStatus.OUTPUTS), outputs)
    val again = if (job.item.repeat) job.load().use { runAll(it) } else null
    return status.copy(
        outputs = Part.of(staged, ItemStatus.OUTPUTS),
        count = job.count,
        loadSeconds = loaded - start,
        seconds = done - loaded,
        repeatable = again?.let { outputs.all { (name, tensor) -> tensor.sameBytes(it.getValue(name)) } },
    )
}

/** Repeats the recorded calls of an item, in the file's own names and layouts, with state that is fed back. */
private class Calls(job: Job, private val member: LoadedMember) {
    private val io = job.item.memberIo
    private val inputs = recordedCalls(job).map { member.ownInputs(it) }
    private var state = member.ownInputs(io.zeroState())
    private var index = 0

    val size: Int get() = inputs.size

    fun next() {
        val outputs = member.callOwn(inputs[index] + state)
        state = member.ownState.associate { (source, sink) ->
            sink.name to outputs.getValue(source.name).crossed(source, sink)
        }
        index = (index + 1) % inputs.size
    }

    private fun recordedCalls(job: Job): List<Map<String, Tensor>> {
        val stream = io.stream
        val entries = (0 until job.count).asSequence().map { n -> job.samples.mapValues { it.value.entry(n) } }
        val name = io.inputs[0].name
        if (stream == null) return entries.take(MAX_CALLS).toList()
        val calls = entries.flatMap { streamCalls(stream, it.getValue(name)).asSequence() }
        return calls.take(MAX_CALLS).map { mapOf(name to it) }.toList()
    }
}

/** Times one artifact: loads it, calls it once, warms it up, samples the steady state. */
internal fun bench(job: Job, staged: File, status: ItemStatus): ItemStatus {
    val plan = job.item.plan ?: BenchPlan()
    val start = seconds()
    job.load().use { member ->
        val loaded = seconds()
        val calls = Calls(job, member)
        val ready = seconds()
        calls.next()
        val first = seconds()
        var warmUp = 0
        val each = ArrayList<Double>()
        while (warmUp < 3 || (seconds() - first < 0.02 && warmUp < 1000)) {
            each += timed { calls.next() }
            warmUp++
        }
        // One late call of a stream is heard, and a mean would hide it.
        val streams = job.item.memberIo.stream != null
        val perSample = if (streams) 1 else maxOf(1, ceil(SAMPLE_SECONDS / maxOf(median(each), 1e-9)).toInt())
        fun sample(): Double = 1000 * timed { repeat(perSample) { calls.next() } } / perSample

        var stable = false
        var before: Double? = null
        while (!stable && seconds() - first < plan.warmUpSeconds) {
            val window = ArrayList<Double>()
            val began = seconds()
            while (seconds() - began < WINDOW_SECONDS || window.size < 3) window += sample()
            warmUp += window.size * perSample
            val median = median(window)
            stable = before?.let { abs(median - it) < STABLE * it } ?: false
            before = median
        }
        val times = ArrayList<Double>()
        val began = seconds()
        while (times.size < plan.minSamples || (seconds() - began < plan.seconds && times.size < MAX_SAMPLES)) {
            times += sample()
        }
        val samples = Samples(
            loadMs = 1000 * (loaded - start),
            firstMs = 1000 * (first - ready),
            warmUpCalls = warmUp,
            stable = stable,
            callsPerSample = perSample,
            callMs = times,
        )
        writeWhole(File(staged, ItemStatus.SAMPLES), STRICT.encodeToString(Samples.serializer(), samples))
        return status.copy(
            samples = Part.of(staged, ItemStatus.SAMPLES),
            count = calls.size,
            loadSeconds = loaded - start,
            seconds = seconds() - loaded,
        )
    }
}

/** Loads an artifact, calls it a few times, and reports the peak of this process's memory above what it held before. */
internal fun memory(job: Job, status: ItemStatus): ItemStatus {
    val before = Memory.resetPeak()
    val start = seconds()
    job.load().use { member ->
        val loaded = seconds()
        val calls = Calls(job, member)
        repeat(MEMORY_CALLS) { calls.next() }
        val peak = Memory.peak()
        return status.copy(
            count = calls.size,
            loadSeconds = loaded - start,
            seconds = seconds() - loaded,
            peakMemoryBytes = if (before == null || peak == null) null else maxOf(0, peak - before),
        )
    }
}

/** This process's resident memory in bytes, as Linux and Android tell it; null: this system does not. */
private object Memory {
    /** Sets the peak to what is resident now, where the system can, and returns that. */
    fun resetPeak(): Long? {
        try {
            File("/proc/self/clear_refs").writeText("5")
        } catch (_: java.io.IOException) {
            return peak() // what later goes above the old peak is still seen
        }
        return bytes("VmRSS")
    }

    fun peak(): Long? = bytes("VmHWM")

    private fun bytes(name: String): Long? = readOrNull("/proc/self/status")?.lineSequence()
        ?.find { it.startsWith("$name:") }?.split(Regex("\\s+"))?.getOrNull(1)?.toLongOrNull()?.let { 1024 * it }
}

internal fun seconds(): Double = System.nanoTime() / 1e9

private inline fun timed(block: () -> Unit): Double {
    val began = seconds()
    block()
    return maxOf(seconds() - began, 1e-9)
}

private fun median(values: List<Double>): Double {
    val sorted = values.sorted()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}
