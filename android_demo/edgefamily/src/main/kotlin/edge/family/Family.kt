package edge.family

import java.io.File

/**
 * A bundle: the folder with a family of members. It reads files and keeps nothing open; any thread may use it.
 *
 * @property manifest What was built.
 */
public class Family private constructor(
    internal val folder: File,
    public val manifest: Manifest,
    private val perf: Perf,
) {
    /**
     * Returns the best member for a device and a budget, and the rules that decided.
     *
     * The largest member that keeps all limits is picked; without one, the smallest, and [Pick.fits] says so. Times are
     * those measured on this model, else on the most similar ones, else scaled by [calibration].
     *
     * @throws FamilyException No artifact may be picked, or a real-time factor is given and no member streams.
     */
    public fun pick(facts: DeviceFacts, budget: Budget, calibration: Calibration? = null): Pick =
        pick(manifest, perf, facts, budget, calibration)

    /** Returns this family with the times that [measured] has; those of other devices stay. */
    public fun with(measured: Perf): Family {
        val names = measured.devices.map { it.device }.toSet()
        val others = perf.devices.filter { it.device !in names }
        return Family(folder, manifest, Perf(perf.bundle, others + measured.devices))
    }

    /**
     * Checks the file of an artifact against its sha256 and loads it. Close the member before another one is loaded.
     *
     * @param artifact The label, as in [Pick.artifact].
     * @param runtime The runtime of its format.
     * @throws UnsupportedException The runtime lacks an operator of the file.
     * @throws FamilyException There is no such artifact, or its file is missing, changed or of another network.
     * @throws IllegalStateException Another member is loaded.
     */
    public fun load(member: String, artifact: String, runtime: Runtime, threads: Int = 1): LoadedMember {
        val from = manifest.member(member)
        val found = from.artifact(artifact)
        val name = "$member $artifact"
        demand(found.format == runtime.format) { "$name is of ${found.format}: it does not run in ${runtime.format}" }
        val file = found.file
        val io = found.io
        if (file == null || io == null) throw FamilyException("$name did not compile: ${oneLine(found.reason)}")
        return LoadedMember.load(name, runtime, file.checkedIn(folder), io, from.io, threads)
    }

    public companion object {
        /**
         * Opens the bundle in [folder]. On Android, copy it from the assets to `filesDir` first.
         *
         * @throws FamilyException Its `manifest.json` or `perf.json` is missing, not valid, or of another version.
         */
        public fun open(folder: File): Family {
            val manifestFile = File(folder, "manifest.json")
            val perfFile = File(folder, "perf.json")
            val manifest = Manifest.parse(readJson(manifestFile), manifestFile.path)
            if (!perfFile.exists()) return Family(folder, manifest, Perf.NONE)
            val perf = Perf.parse(readJson(perfFile), perfFile.path)
            demand(perf.bundle == sha256Of(manifestFile)) {
                "$perfFile belongs to another manifest: measure the bundle again"
            }
            return Family(folder, manifest, perf)
        }
    }
}
