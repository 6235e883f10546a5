package edge.family

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** The part of a bundle's `perf.json` that the picker reads: how fast each artifact is on each device. */
@Serializable
public class Perf internal constructor(
    internal val bundle: String = "",
    internal val devices: List<DevicePerf> = emptyList(),
) {
    public companion object {
        /** What a bundle that was never timed has. */
        public val NONE: Perf = Perf()

        /** @throws FamilyException It is not valid. */
        public fun parse(text: String, where: String = "perf.json"): Perf {
            val perf = PARTIAL.decode(serializer(), text, where)
            refuse(perf.devices.flatMap { device -> device.artifacts.flatMap { it.problems(device.device) } }, where)
            return perf
        }
    }
}

@Serializable
internal data class DevicePerf(val device: String, val facts: DeviceFacts, val artifacts: List<ArtifactPerf>)

@Serializable
internal data class ArtifactPerf(
    val member: String,
    val artifact: String,
    val threads: Int,
    val latency: Latency? = null,
    @SerialName("peak_memory_bytes") val peakMemoryBytes: Long? = null,
) {
    /** The time of a call in ms; null: it was not timed. Where rounds disagree, the worst one counts. */
    val timeMs: Double? get() = latency?.let { it.p90Ms ?: it.roundP90Ms.max() }

    fun problems(device: String): List<String> = buildList {
        if (threads !in 1..64) add("$device: $member has $threads threads")
        val times = latency?.roundP90Ms.orEmpty() + listOfNotNull(latency?.p90Ms)
        if (latency != null && latency.roundP90Ms.isEmpty()) add("$device: $member has no rounds")
        if (times.any { it < 0 } || (peakMemoryBytes ?: 0) < 0) add("$device: a time or peak of $member is negative")
    }
}

@Serializable
internal data class Latency(
    @SerialName("p90_ms") val p90Ms: Double?,
    @SerialName("round_p90_ms") val roundP90Ms: List<Double>,
)
