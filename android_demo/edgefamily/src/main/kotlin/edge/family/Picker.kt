package edge.family

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/**
 * The limits of a pick; at least one is given.
 *
 * @property callMs The longest time of a call, in ms.
 * @property realTimeFactor The longest time of a call, divided by the duration of its audio.
 * @property bytes The largest file.
 * @property memoryBytes The highest peak of memory.
 */
public data class Budget(
    val callMs: Double? = null,
    val realTimeFactor: Double? = null,
    val bytes: Long? = null,
    val memoryBytes: Long? = null,
) {
    init {
        val given = listOfNotNull(callMs, realTimeFactor, bytes?.toDouble(), memoryBytes?.toDouble())
        demand(given.isNotEmpty()) { "a budget needs a limit" }
        demand(given.all { it > 0 && it.isFinite() }) { "the limits of a budget are positive: $this" }
    }
}

/** What a short measurement of one artifact on this device gave. */
public data class Calibration(val member: String, val artifact: String, val threads: Int, val p90Ms: Double) {
    init {
        demand(threads in 1..64 && p90Ms > 0 && p90Ms.isFinite()) { "$this is not a measurement" }
    }
}

/** Whether a candidate keeps all limits; [UNKNOWN]: nothing is known about this device. */
@Serializable
public enum class Fits {
    @SerialName("yes") YES,
    @SerialName("no") NO,
    @SerialName("unknown") UNKNOWN,
}

/** The rule that decided about one limit ("time", "memory", "bytes"), and the measured devices that it is from. */
@Serializable
public data class Rule(val limit: String, val rule: String, val devices: List<String>)

/** A candidate: its expected time and memory without margin; null: unknown. */
public data class Option(
    val member: String,
    val artifact: String,
    val threads: Int,
    val bytes: Long,
    val timeMs: Double?,
    val memoryBytes: Double?,
    val fits: Fits,
)

/** The picked candidate, the rules that decided, and all candidates from the smallest member to the largest. */
public data class Pick(
    val member: String,
    val artifact: String,
    val threads: Int,
    val fits: Fits,
    val rules: List<Rule>,
    val options: List<Option>,
)

private val MARGINS = mapOf(
    "model" to 1.1, "prefix" to 1.25, "calibration" to 1.25, "any" to 1.25, "manifest" to 1.0, "smallest" to 1.0,
)

/** Member, artifact, threads. */
private data class Key(val member: String, val artifact: String, val threads: Int)

private class Candidate(val member: Member, val artifact: Artifact, val threads: Int, val bytes: Long) {
    val key = Key(member.name, artifact.label, threads)
}

/** What a rule says of one quantity, by candidate, and the devices that it is from. */
private class Figures(val rule: String, val devices: List<String>, val values: Map<Key, Double>) {
    fun holds(key: Key, limit: Double): Boolean = values[key]?.let { it * MARGINS.getValue(rule) <= limit } ?: false
}

private class Limit(val name: String, val figures: Figures, val of: (Candidate) -> Double?)

/**
 * Returns the best member for a device and a budget, and the rules that decided.
 *
 * The largest member is picked that has a candidate which keeps all limits; without one, the smallest member. Times are
 * those measured on this model, else on the most similar ones, else scaled by [calibration].
 * `edge_export/bundle/picker.py` states the rules; the two agree on `tests/vectors/picker.json`.
 *
 * @throws FamilyException No artifact may be picked, or a real-time factor is given and no member streams.
 */
internal fun pick(
    manifest: Manifest,
    perf: Perf,
    facts: DeviceFacts,
    budget: Budget,
    calibration: Calibration? = null,
): Pick {
    val members = manifest.members.sortedWith(compareBy<Member>({ it.macs }, { it.params }))
    val candidates = candidatesOf(members, perf, facts)
    demand(candidates.isNotEmpty()) {
        val formats = facts.runtimes.keys.sorted().joinToString(", ").ifEmpty { "any format" }
        "no artifact of $formats has passed: build or verify the bundle again"
    }
    demand(budget.realTimeFactor == null || members.any { it.io.stream != null }) {
        "no member of this family streams: give a time instead of a real-time factor"
    }
    val measured = Measured(perf, facts, candidates.map { it.key }.toSet())
    val times = measured.times(calibration)
    val memory = measured.memory()
    val limits = buildList {
        if (budget.callMs != null || budget.realTimeFactor != null) {
            add(Limit("time", times) { timeLimit(it.member, budget) })
        }
        budget.memoryBytes?.let { limit -> add(Limit("memory", memory) { limit.toDouble() }) }
        budget.bytes?.let { limit ->
            val sizes = candidates.associate { it.key to it.bytes.toDouble() }
            add(Limit("bytes", Figures("manifest", emptyList(), sizes)) { limit.toDouble() })
        }
    }

    fun fits(candidate: Candidate): Fits {
        var verdict = Fits.YES
        for (limit in limits) {
            val most = limit.of(candidate) ?: return Fits.NO
            when {
                limit.figures.rule == "smallest" -> verdict = Fits.UNKNOWN
                !limit.figures.holds(candidate.key, most) -> return Fits.NO
            }
        }
        return verdict
    }

    val name = (candidates.lastOrNull { fits(it) == Fits.YES } ?: candidates.first()).member.name
    val best = candidates.filter { it.member.name == name }.minWith(
        compareBy(
            { fits(it) == Fits.NO },
            { times.values[it.key] ?: Double.POSITIVE_INFINITY },
            { it.bytes },
            { it.threads },
            { it.artifact.label },
        ),
    )
    return Pick(
        member = best.member.name,
        artifact = best.artifact.label,
        threads = best.threads,
        fits = fits(best),
        rules = limits.map { Rule(it.name, it.figures.rule, it.figures.devices) },
        options = candidates.map {
            val (member, artifact, threads) = it.key
            Option(member, artifact, threads, it.bytes, times.values[it.key], memory.values[it.key], fits(it))
        },
    )
}

private fun candidatesOf(members: List<Member>, perf: Perf, facts: DeviceFacts): List<Candidate> {
    val threads = HashMap<Pair<String, String>, MutableSet<Int>>()
    for (device in perf.devices.filter { !it.facts.emulated }) {
        for (each in device.artifacts.filter { it.timeMs != null || it.peakMemoryBytes != null }) {
            threads.getOrPut(each.member to each.artifact) { sortedSetOf() } += each.threads
        }
    }
    return members.flatMap { member ->
        member.artifacts.flatMap { artifact ->
            val file = artifact.file
            val runs = facts.runtimes.isEmpty() || artifact.format in facts.runtimes
            if (file == null || artifact.status != Status.PASSED || !runs) return@flatMap emptyList()
            (threads[member.name to artifact.label] ?: setOf(1)).map { Candidate(member, artifact, it, file.bytes) }
        }
    }
}

/** Returns the longest time of a call in ms; null: there is none, as the member does not stream. */
private fun timeLimit(member: Member, budget: Budget): Double? {
    val factor = budget.realTimeFactor ?: return budget.callMs
    val stream = member.io.stream ?: return null
    val limit = factor * (1000.0 * stream.samples / stream.sampleRate)
    return budget.callMs?.let { minOf(it, limit) } ?: limit
}

/** The figures of all measured devices that are not emulated. */
private class Measured(private val perf: Perf, private val facts: DeviceFacts, private val keys: Set<Key>) {
    private class Device(val name: String, val facts: DeviceFacts, val values: Map<Key, Double>)

    fun times(calibration: Calibration?): Figures {
        val useful = useful { it.timeMs }
        return similar(useful) ?: calibration?.let { scaled(useful, it) } ?: NOTHING
    }

    fun memory(): Figures {
        val useful = useful { it.peakMemoryBytes?.toDouble() }
        return similar(useful) ?: if (useful.isEmpty()) NOTHING else largest("any", useful)
    }

    private fun useful(figure: (ArtifactPerf) -> Double?): List<Device> =
        perf.devices.filter { !it.facts.emulated }.mapNotNull { device ->
            val values = HashMap<Key, Double>()
            for (each in device.artifacts) {
                val key = Key(each.member, each.artifact, each.threads)
                figure(each)?.let { if (key in keys) values[key] = it }
            }
            if (values.isEmpty()) null else Device(device.device, device.facts, values)
        }

    /** Returns the figures by model or by prefix; null: neither matches. */
    private fun similar(useful: List<Device>): Figures? {
        val model = normalized(facts.model)
        val same = useful.filter { model.isNotEmpty() && normalized(it.facts.model) == model }
        if (same.isNotEmpty()) return largest("model", same)
        val prefixes = useful.flatMap {
            listOf(
                Triple(commonPrefix(facts.model, it.facts.model).length, true, it),
                Triple(commonPrefix(facts.soc, it.facts.soc).length, false, it),
            )
        }.filter { it.first > 0 }
        val (length, byModel) = prefixes.maxWithOrNull(compareBy({ it.first }, { it.second })) ?: return null
        return largest("prefix", prefixes.filter { it.first == length && it.second == byModel }.map { it.third })
    }

    /** Returns the times of the device that is the most like this one, scaled; null: none ran the calibrated file. */
    private fun scaled(useful: List<Device>, calibration: Calibration): Figures? {
        val ran = Key(calibration.member, calibration.artifact, calibration.threads)
        val (device, factor) = useful.filter { (it.values[ran] ?: 0.0) > 0 }
            .map { it to calibration.p90Ms / it.values.getValue(ran) }
            .minWithOrNull(compareBy({ maxOf(it.second, 1 / it.second) }, { it.first.name })) ?: return null
        return Figures("calibration", listOf(device.name), device.values.mapValues { it.value * factor })
    }

    private fun largest(rule: String, devices: List<Device>): Figures {
        val values = HashMap<Key, Double>()
        for (device in devices) for ((key, value) in device.values) values[key] = maxOf(value, values[key] ?: value)
        return Figures(rule, devices.map { it.name }.sorted(), values)
    }

    private companion object {
        val NOTHING = Figures("smallest", emptyList(), emptyMap())
    }
}
