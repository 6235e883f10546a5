package edge.family

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** The content of `request.json`: what to run. The order of the items is that in which they run. */
@Serializable
internal data class Request(
    val schema: String,
    @SerialName("run_id") val runId: String,
    val bundle: String,
    val items: List<Item>,
) {
    fun problems(): List<String> = buildList {
        if (schema != Manifest.SCHEMA) add("schema is ${quoted(schema)}, not ${Manifest.SCHEMA}: use its runner")
        if (!Part.NAME.matches(runId)) add("run_id is not a name")
        if (!Part.SHA256.matches(bundle)) add("bundle is not a sha256")
        if (items.isEmpty()) add("there are no items")
        items.forEachIndexed { index, item -> addAll(item.problems("items[$index]")) }
        if (items.map { it.id }.toSet().size < items.size) add("two items have the same id")
    }

    companion object {
        const val FILE = "request.json"

        /** @throws FamilyException It is not valid, or of another version. */
        fun parse(text: String, where: String = FILE): Request {
            val request = STRICT.decode(serializer(), text, where)
            refuse(request.problems(), where)
            return request
        }
    }
}

@Serializable
internal enum class Mode {
    @SerialName("verify") VERIFY,
    @SerialName("bench") BENCH,
    @SerialName("memory") MEMORY,
}

/** How one artifact is timed: the longest warm-up, the steady state, the fewest samples. */
@Serializable
internal data class BenchPlan(
    @SerialName("warm_up_seconds") val warmUpSeconds: Double = 2.0,
    val seconds: Double = 1.0,
    @SerialName("min_samples") val minSamples: Int = 20,
)

/** One run of one artifact; `edge_export/devices/request.py` says what each field means. */
@Serializable
internal data class Item(
    val id: String,
    val member: String,
    val label: String,
    val mode: Mode,
    val format: String,
    val artifact: Part,
    val io: Io,
    @SerialName("member_io") val memberIo: Io,
    val inputs: Part,
    val threads: Int = 1,
    val repeat: Boolean = false,
    val plan: BenchPlan? = null,
    @SerialName("timeout_s") val timeoutS: Double = 600.0,
) {
    fun problems(where: String): List<String> = buildList {
        for ((field, name) in listOf("id" to id, "member" to member, "label" to label, "format" to format)) {
            if (!Part.NAME.matches(name)) add("$where.$field ${quoted(name)} is not a name")
        }
        addAll(artifact.problems("$where.artifact"))
        addAll(inputs.problems("$where.inputs"))
        addAll(io.problems("$where.io"))
        addAll(memberIo.problems("$where.member_io"))
        addAll(memberIo.streamProblems("$where.member_io"))
        if (threads !in 1..64) add("$where.threads must be 1 to 64")
        if (!(timeoutS > 0 && timeoutS <= 86_400)) add("$where.timeout_s must be up to 86400")
        if (plan != null && (plan.warmUpSeconds !in 0.0..60.0 || !(plan.seconds > 0 && plan.seconds <= 60))) {
            add("$where.plan must last up to 60 s")
        }
        if (plan != null && plan.minSamples !in 1..100_000) add("$where.plan.min_samples must be 1 to 100000")
    }
}

/** What became of an item. */
@Serializable
internal enum class Outcome {
    @SerialName("done") DONE,
    @SerialName("failed") FAILED,
    @SerialName("unsupported") UNSUPPORTED,
}

/** The content of `status.json`. An item is final when it is written. */
@Serializable
internal data class ItemStatus(
    val schema: String = Manifest.SCHEMA,
    @SerialName("run_id") val runId: String,
    val item: String,
    val outcome: Outcome,
    val reason: String = "",
    val runtime: String = "",
    val outputs: Part? = null,
    val samples: Part? = null,
    val count: Int = 0,
    @SerialName("load_seconds") val loadSeconds: Double = 0.0,
    val seconds: Double = 0.0,
    val repeatable: Boolean? = null,
    @SerialName("peak_memory_bytes") val peakMemoryBytes: Long? = null,
    val before: DeviceState? = null,
    val after: DeviceState? = null,
) {
    companion object {
        const val FILE = "status.json"
        const val OUTPUTS = "outputs.safetensors"
        const val SAMPLES = "samples.json"
    }
}

/** The content of `samples.json`: the times of one bench item. */
@Serializable
internal data class Samples(
    val schema: String = Manifest.SCHEMA,
    @SerialName("load_ms") val loadMs: Double,
    @SerialName("first_ms") val firstMs: Double,
    @SerialName("warm_up_calls") val warmUpCalls: Int,
    val stable: Boolean,
    @SerialName("calls_per_sample") val callsPerSample: Int,
    @SerialName("call_ms") val callMs: List<Double>,
)
