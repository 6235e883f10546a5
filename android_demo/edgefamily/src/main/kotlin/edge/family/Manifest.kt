package edge.family

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonPrimitive

/**
 * The content of a bundle's `manifest.json`: what was built, from what, and where it is.
 *
 * @property errors The members that could not be made.
 * @property takenFrom For an app's family, whose goldens were left out: the sha256 of the manifest of its whole bundle.
 */
@Serializable
public class Manifest internal constructor(
    private val schema: String,
    public val target: String,
    public val mother: Mother,
    public val tools: Map<String, String>,
    internal val recorded: Recorded,
    public val members: List<Member>,
    public val errors: List<FailedMember> = emptyList(),
    @SerialName("taken_from") public val takenFrom: String? = null,
) {
    /** @throws FamilyException There is no such member. */
    public fun member(name: String): Member =
        members.find { it.name == name }
            ?: throw FamilyException("there is no member ${quoted(name)}: there are ${members.map { it.name }}")

    private fun problems(): List<String> = buildList {
        if (schema != SCHEMA) add("schema is ${quoted(schema)}, not $SCHEMA: use the library of its version")
        if (members.isEmpty()) add("there are no members")
        if (!Part.NAME.matches(target)) add("target is not a name")
        if (takenFrom != null && !Part.SHA256.matches(takenFrom)) add("taken_from is not a sha256")
        for ((where, file) in recorded.files) addAll(file.problems("recorded.$where"))
        members.forEachIndexed { index, member -> addAll(member.problems("members[$index]")) }
        val names = members.map { it.name } + errors.map { it.name }
        if (names.toSet().size < names.size) add("two members have the same name")
    }

    public companion object {
        internal const val SCHEMA = "1.0"

        /**
         * Parses a manifest of which nothing is trusted: names, paths, shapes and numbers are checked.
         *
         * @throws FamilyException It is not valid. The message has the first problems in one line.
         */
        public fun parse(text: String, where: String = "manifest.json"): Manifest {
            val manifest = STRICT.decode(serializer(), text, where)
            refuse(manifest.problems(), where)
            return manifest
        }
    }
}

/** A member that was asked for and could not be made; [reason] says in one line what failed. */
@Serializable
public data class FailedMember(val name: String, val config: String, val reason: String)

/** The mother network that the family was built from. */
@Serializable
public data class Mother(
    val spec: String,
    val task: String? = null,
    @SerialName("checkpoint_sha256") val checkpointSha256: String?,
)

@Serializable
internal data class Recorded(
    val metric: String,
    val unit: String = "",
    val baseline: Double? = null,
    val inputs: Part,
    @SerialName("held_out") val heldOut: Part?,
    val extremes: Part,
    val sounds: List<Part> = emptyList(),
) {
    val files: List<Pair<String, Part>>
        get() = listOfNotNull("inputs" to inputs, heldOut?.let { "held_out" to it }, "extremes" to extremes) +
            sounds.map { "sounds" to it }
}

/**
 * One fixed network of the family.
 *
 * @property config The text that names its configuration on the command line.
 * @property io Its inputs and outputs. Those of an artifact may differ in names and layouts.
 * @property macs Multiply-accumulate operations of a call.
 * @property weightBytes The size of its weights and constants in float32; null: a bundle of an earlier version.
 * @property metric The mother's task metric at that configuration.
 */
@Serializable
public class Member internal constructor(
    public val name: String,
    public val config: String,
    internal val options: Map<String, JsonPrimitive> = emptyMap(),
    public val io: Io,
    @SerialName("latency_ms") public val latencyMs: Double? = null,
    public val params: Long,
    public val macs: Long,
    @SerialName("weight_bytes") public val weightBytes: Long? = null,
    @SerialName("peak_activation_bytes") public val peakActivationBytes: Long,
    @SerialName("calibration_batches") internal val calibrationBatches: Long,
    internal val tolerance: Tolerance,
    internal val folded: Long,
    internal val refused: List<Refusal>,
    internal val golden: Part,
    internal val extremes: Part,
    internal val sounds: List<Part> = emptyList(),
    public val metric: Double?,
    internal val variant: Variant? = null,
    public val artifacts: List<Artifact>,
) {
    /** @throws FamilyException There is no such artifact. */
    public fun artifact(label: String): Artifact =
        artifacts.find { it.label == label }
            ?: throw FamilyException("$name has no artifact ${quoted(label)}: it has ${artifacts.map { it.label }}")

    internal fun problems(where: String): List<String> = buildList {
        if (!Part.NAME.matches(name)) add("$where.name is not a name")
        addAll(io.problems("$where.io"))
        addAll(io.streamProblems("$where.io"))
        val counts = listOf(params, macs, weightBytes ?: 0, peakActivationBytes, calibrationBatches, folded)
        if (counts.any { it < 0 }) add("$where: a count is negative")
        for ((field, file) in listOf("golden" to golden, "extremes" to extremes) + sounds.map { "sounds" to it }) {
            addAll(file.problems("$where.$field"))
        }
        artifacts.forEachIndexed { index, artifact -> addAll(artifact.problems("$where.artifacts[$index]")) }
        if (artifacts.map { it.label }.toSet().size < artifacts.size) add("$where has two artifacts of one label")
    }
}

/** Whether an artifact agreed with the mother. */
@Serializable
public enum class Status {
    @SerialName("passed") PASSED,
    @SerialName("failed") FAILED,
    @SerialName("unverified") UNVERIFIED,
    @SerialName("error") ERROR,
}

/**
 * One compiled file: member × format × backend × precision.
 *
 * @property file The compiled file. Null: it did not compile.
 * @property io Its inputs and outputs, in its own names and layouts.
 * @property runsIn The versions of its runtime that it is for. Null: that is not known of its format.
 * @property reason The reason of its status.
 */
@Serializable
public class Artifact internal constructor(
    public val format: String,
    public val backend: String,
    public val precision: String,
    internal val scheme: String = "",
    internal val attempts: List<Attempt> = emptyList(),
    public val file: Part?,
    public val io: Io?,
    internal val notes: List<String> = emptyList(),
    @SerialName("runs_in") public val runsIn: RunsIn? = null,
    @SerialName("size_ratio") internal val sizeRatio: Double? = null,
    internal val tolerance: Tolerance,
    public val status: Status,
    public val reason: String,
) {
    /** format-backend-precision. */
    public val label: String get() = "$format-$backend-$precision"

    internal fun problems(where: String): List<String> = buildList {
        val names = listOf(format, backend, precision)
        names.filter { !Part.NAME.matches(it) }.mapTo(this) { "$where: ${quoted(it)} is not a name" }
        file?.let { addAll(it.problems("$where.file")) }
        io?.let { addAll(it.problems("$where.io")) }
    }
}

/**
 * Which versions of its format's runtime an artifact is for, as measured.
 *
 * @property runsFrom The oldest version that runs it, such as "TensorFlow Lite 2.16.1".
 * @property fullSpeedFrom The oldest version that is not much slower than the newest. Empty: nobody has measured that.
 */
@Serializable
public data class RunsIn(
    @SerialName("runs_from") val runsFrom: String,
    @SerialName("full_speed_from") val fullSpeedFrom: String = "",
)

@Serializable
internal data class Attempt(val scheme: String, val reason: String)

@Serializable
internal data class Refusal(val rule: String, val layer: String, val reason: String)

@Serializable
internal data class Variant(
    val name: String,
    val agreement: Agreement,
    @SerialName("metric_without") val metricWithout: Double?,
)

@Serializable
internal data class Agreement(
    @SerialName("snr_db") val snrDb: Double,
    @SerialName("max_abs") val maxAbs: Double?,
    val peak: Double,
    @SerialName("top1_agreement") val top1Agreement: Double? = null,
)

@Serializable
internal data class Tolerance(
    @SerialName("snr_db") val snrDb: Double,
    @SerialName("max_abs_of_peak") val maxAbsOfPeak: Double,
    @SerialName("metric_drop") val metricDrop: Map<String, Double> = emptyMap(),
    @SerialName("extremes_of_peak") val extremesOfPeak: Double = 1e-3,
    @SerialName("max_size_ratio") val maxSizeRatio: Double? = null,
)

/** Throws a [FamilyException] with the first problems, if there are any. */
internal fun refuse(problems: List<String>, where: String) {
    if (problems.isEmpty()) return
    val more = if (problems.size > 5) "; and ${problems.size - 5} more" else ""
    throw FamilyException("$where is not valid: ${problems.take(5).joinToString("; ")}$more")
}
