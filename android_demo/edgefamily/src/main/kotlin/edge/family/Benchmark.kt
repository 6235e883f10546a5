package edge.family

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.util.Base64
import java.util.zip.DeflaterOutputStream
import kotlin.math.PI
import kotlin.math.roundToLong
import kotlin.math.sin
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/**
 * Times all members of a family on this device with the [Runner].
 *
 * The inputs are made up: an app has no goldens, and a time does not depend on them. It holds nothing between two calls
 * of [run]; no member may be loaded while it runs.
 *
 * @param threads The threads of the runtimes.
 */
public class Benchmark(
    private val family: Family,
    private val runtimes: List<Runtime>,
    private val facts: DeviceFacts,
    private val threads: Int = 1,
    private val state: () -> DeviceState = ThisDevice::state,
) {
    /** How long it measures: each artifact so many rounds, each with a warm-up and a steady state. */
    public data class Plan(val rounds: Int = 3, val warmUpSeconds: Double = 1.0, val seconds: Double = 0.5)

    /** What was measured of one artifact. [p90Ms] is the slowest round's; null with a [reason]: it does not run. */
    public data class Row(
        val member: String,
        val artifact: String,
        val medianMs: Double?,
        val p90Ms: Double?,
        val loadMs: Double?,
        val noisy: Boolean,
        val peakMemoryBytes: Long?,
        val reason: String,
    )

    /**
     * The rows, and the same as the text of a `perf.json`.
     *
     * The file belongs to the family; for an app's family, to the whole bundle that it was taken from, where it is put.
     */
    public class Result internal constructor(public val rows: List<Row>, public val perf: String)

    /**
     * Measures. The request is written beside the family's manifest.
     *
     * @param results An empty folder for what the runner leaves.
     * @param tell Called when an item starts and when it ends.
     * @throws FamilyException A folder can't be written, or a runtime hangs.
     */
    public fun run(results: File, plan: Plan = Plan(), tell: (Runner.Event) -> Unit = {}): Result {
        val items = items(plan)
        demand(items.isNotEmpty()) { "no artifact of this family runs in ${runtimes.map { it.format }}" }
        val own = sha256Of(File(family.folder, "manifest.json"))
        val request = Request(Manifest.SCHEMA, "app", own, items)
        try {
            writeWhole(File(family.folder, Request.FILE), STRICT.encodeToString(Request.serializer(), request))
        } catch (error: IOException) {
            throw FamilyException("${family.folder} can't be written: ${oneLine(error.message ?: "no reason")}", error)
        }
        val ended = Runner(runtimes, facts, state).run(family.folder, results, tell)
        demand(ended) { "a runtime hangs: end the app and start it again" }
        val artifacts = items.groupBy { it.member to it.label }.map { (_, group) -> artifactOf(results, group) }
        val told = STRICT.decode(DeviceFacts.serializer(), readJson(File(results, "device.json")), "device.json")
        val name = "app:" + told.model.map { if (it.isLetterOrDigit() && it.code < 128) it else '-' }.joinToString("")
        val device = MeasuredDevice(name.take(100), told, artifacts)
        val perf = MeasuredPerf(bundle = family.manifest.takenFrom ?: own, devices = listOf(device))
        return Result(artifacts.map { it.row() }, STRICT.encodeToString(MeasuredPerf.serializer(), perf))
    }

    private fun items(plan: Plan): List<Item> {
        val runnable = family.manifest.members.flatMap { member ->
            member.artifacts.filter { it.file != null && it.io != null && it.status == Status.PASSED }
                .filter { artifact -> runtimes.any { it.format == artifact.format } }.map { member to it }
        }
        val inputs = runnable.map { it.first }.distinct().associateWith { inputsOf(it) }
        val bench = BenchPlan(plan.warmUpSeconds, plan.seconds)
        fun item(member: Member, artifact: Artifact, mode: Mode, id: String) = Item(
            id = "${member.name}-${artifact.label}-$id".take(110),
            member = member.name,
            label = artifact.label,
            mode = mode,
            format = artifact.format,
            artifact = artifact.file!!,
            io = artifact.io!!,
            memberIo = member.io,
            inputs = inputs.getValue(member),
            threads = threads,
            plan = if (mode == Mode.BENCH) bench else null,
        )
        return (1..plan.rounds).flatMap { round -> runnable.map { (m, a) -> item(m, a, Mode.BENCH, "$round") } } +
            runnable.map { (member, artifact) -> item(member, artifact, Mode.MEMORY, "memory") }
    }

    /** Writes made-up inputs of a member beside the manifest. */
    private fun inputsOf(member: Member): Part {
        val sinks = member.io.state.map { it.second }.toSet()
        val tensors = member.io.inputs.filter { it.name !in sinks }.associate { spec ->
            val calls = if (member.io.stream == null) 1 else CALLS
            val shape = spec.shape.dropLast(1) + spec.shape.last() * calls
            val made = Tensor.zeros(spec.type, shape)
            if (spec.type == DType.FLOAT32) {
                val values = FloatArray(made.size) { (0.4 * sin(2 * PI * it / 73)).toFloat() }
                spec.name to Tensor.of(shape, values)
            } else {
                spec.name to made
            }
        }
        val name = "bench-${member.name}.safetensors"
        try {
            Safetensors.write(File(family.folder, name), tensors)
        } catch (error: IOException) {
            throw FamilyException("${family.folder} can't be written: ${oneLine(error.message ?: "no reason")}", error)
        }
        return Part.of(family.folder, name)
    }

    private fun artifactOf(results: File, items: List<Item>): MeasuredArtifact {
        val statuses = items.map { item ->
            val folder = File(results, "results/${item.id}")
            item to STRICT.decode(ItemStatus.serializer(), readJson(File(folder, ItemStatus.FILE)), item.id)
        }
        val timed = statuses.filter { it.first.mode == Mode.BENCH && it.second.outcome == Outcome.DONE }
        val rounds = timed.map { (item, status) ->
            val file = File(results, "results/${item.id}/${ItemStatus.SAMPLES}")
            status to STRICT.decode(Samples.serializer(), readJson(file), item.id)
        }
        val bad = statuses.map { it.second }.find { it.outcome != Outcome.DONE }
        val first = items[0]
        return MeasuredArtifact(
            member = first.member,
            artifact = first.label,
            outcome = bad?.outcome ?: Outcome.DONE,
            sha256 = first.artifact.sha256,
            runtime = statuses[0].second.runtime,
            threads = first.threads,
            latency = if (rounds.isEmpty()) null else latencyOf(rounds, first.memberIo.stream),
            peakMemoryBytes = statuses.find { it.first.mode == Mode.MEMORY }?.second?.peakMemoryBytes,
            reason = bad?.reason ?: "",
        )
    }

    private companion object {
        const val CALLS = 64
    }
}

private const val MAX_SPREAD = 0.1

private fun latencyOf(rounds: List<Pair<ItemStatus, Samples>>, stream: Stream?): MeasuredLatency {
    val medians = rounds.map { (_, samples) -> percentile(samples.callMs, 50.0) }
    val spread = medians.max() / medians.min() - 1
    val noisy = spread > MAX_SPREAD
    val every = rounds.flatMap { it.second.callMs }
    val audioMs = stream?.let { 1000.0 * it.samples / it.sampleRate }
    val median = percentile(medians, 50.0)
    return MeasuredLatency(
        loadMs = percentile(rounds.map { it.second.loadMs }, 50.0),
        firstMs = percentile(rounds.map { it.second.firstMs }, 50.0),
        noisy = noisy,
        spread = spread,
        roundMedianMs = medians,
        roundP90Ms = rounds.map { percentile(it.second.callMs, 90.0) },
        medianMs = if (noisy) null else median,
        p90Ms = if (noisy) null else percentile(every, 90.0),
        p99Ms = if (noisy) null else percentile(every, 99.0),
        worstMs = every.max(),
        realTimeFactor = if (noisy || audioMs == null) null else median / audioMs,
        worstRealTimeFactor = audioMs?.let { every.max() / it },
        rounds = rounds.map { (status, samples) ->
            MeasuredRound(
                loadMs = samples.loadMs,
                firstMs = samples.firstMs,
                warmUpCalls = samples.warmUpCalls,
                stable = samples.stable,
                callsPerSample = samples.callsPerSample,
                samples = packed(samples.callMs),
                count = samples.callMs.size,
                before = status.before,
                after = status.after,
            )
        },
    )
}

/** Returns a percentile, interpolated between the two values around it. */
internal fun percentile(values: List<Double>, percent: Double): Double {
    val sorted = values.sorted()
    val place = percent / 100 * (sorted.size - 1)
    val low = sorted[place.toInt()]
    val high = sorted[minOf(place.toInt() + 1, sorted.size - 1)]
    return low + (place - place.toInt()) * (high - low)
}

/** Returns times as `edge_export/bundle/series.py` packs them: base64 of zlib of whole nanoseconds. */
private fun packed(milliseconds: List<Double>): String {
    val text = milliseconds.joinToString(" ") { maxOf(1, (it * 1e6).roundToLong()).toString() }
    val bytes = ByteArrayOutputStream()
    DeflaterOutputStream(bytes).use { it.write(text.toByteArray()) }
    return Base64.getEncoder().encodeToString(bytes.toByteArray())
}

/** The content of `perf.json`, as it is written; [Perf] is the part that the picker reads. */
@Serializable
private class MeasuredPerf(
    val schema: String = Manifest.SCHEMA,
    val bundle: String,
    val devices: List<MeasuredDevice>,
)

@Serializable
private class MeasuredDevice(val device: String, val facts: DeviceFacts, val artifacts: List<MeasuredArtifact>)

@Serializable
private class MeasuredArtifact(
    val member: String,
    val artifact: String,
    val outcome: Outcome,
    val sha256: String,
    val runtime: String,
    val threads: Int,
    val run: String = "app",
    val latency: MeasuredLatency?,
    @SerialName("peak_memory_bytes") val peakMemoryBytes: Long?,
    val reason: String,
) {
    fun row() = Benchmark.Row(
        member = member,
        artifact = artifact,
        medianMs = latency?.let { it.medianMs ?: percentile(it.roundMedianMs, 50.0) },
        p90Ms = latency?.roundP90Ms?.max(),
        loadMs = latency?.loadMs,
        noisy = latency?.noisy ?: false,
        peakMemoryBytes = peakMemoryBytes,
        reason = reason,
    )
}

@Serializable
private class MeasuredLatency(
    @SerialName("load_ms") val loadMs: Double,
    @SerialName("first_ms") val firstMs: Double,
    val noisy: Boolean,
    val spread: Double,
    @SerialName("round_median_ms") val roundMedianMs: List<Double>,
    @SerialName("round_p90_ms") val roundP90Ms: List<Double>,
    @SerialName("median_ms") val medianMs: Double?,
    /** No bootstrap is made on a phone. */
    val interval: List<Double>? = null,
    @SerialName("p90_ms") val p90Ms: Double?,
    @SerialName("p99_ms") val p99Ms: Double?,
    @SerialName("worst_ms") val worstMs: Double,
    @SerialName("real_time_factor") val realTimeFactor: Double?,
    @SerialName("worst_real_time_factor") val worstRealTimeFactor: Double?,
    val rounds: List<MeasuredRound>,
)

@Serializable
private class MeasuredRound(
    @SerialName("load_ms") val loadMs: Double,
    @SerialName("first_ms") val firstMs: Double,
    @SerialName("warm_up_calls") val warmUpCalls: Int,
    val stable: Boolean,
    @SerialName("calls_per_sample") val callsPerSample: Int,
    val samples: String,
    val count: Int,
    val before: DeviceState?,
    val after: DeviceState?,
)
