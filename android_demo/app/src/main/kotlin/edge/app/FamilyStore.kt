package edge.app

import edge.family.Family
import edge.family.FamilyException
import edge.family.Manifest
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream

/** The app's assets. */
internal fun interface Assets {
    /**
     * @throws FileNotFoundException There is no such file.
     * @throws IOException It can't be read.
     */
    fun open(path: String): InputStream
}

/**
 * Copies families from the assets to files, where runtimes map them. A folder appears whole or not at all.
 *
 * @param folder Where the copies are.
 */
internal class FamilyStore(private val assets: Assets, private val folder: File) {
    /** Those of [NAMES] that the app has. */
    val names: List<String> get() = NAMES.filter { has("$ROOT/$it/$MANIFEST") }

    /**
     * Opens a family; copies it if there is no copy, or one of another version of the app.
     *
     * @param anew Copies it in any case: the copy is damaged.
     * @throws AppException It is damaged in the app, or there is no space.
     */
    fun open(name: String, anew: Boolean = false): Family = try {
        val target = File(folder, name)
        val manifest = assets.open("$ROOT/$name/$MANIFEST").use { it.readBytes() }
        val copied = File(target, MANIFEST)
        if (anew || !copied.exists() || !copied.readBytes().contentEquals(manifest)) copy(name, manifest, target)
        Family.open(target)
    } catch (error: IOException) {
        throw troubleOf(error)
    } catch (error: FamilyException) {
        throw AppException(Trouble.DAMAGED, error.message.orEmpty(), error)
    }

    /** The manifest names the files: a list of the assets' folders is slow on old phones. */
    private fun copy(name: String, manifest: ByteArray, target: File) {
        val artifacts = Manifest.parse(manifest.decodeToString()).members.flatMap { it.artifacts }
        val staged = File(folder, "$name.part")
        staged.deleteRecursively()
        try {
            val paths = artifacts.mapNotNull { it.file?.path } + MANIFEST
            for (path in paths) copyFile("$ROOT/$name/$path", File(staged, path))
            if (has("$ROOT/$name/$PERF")) copyFile("$ROOT/$name/$PERF", File(staged, PERF))
            target.deleteRecursively()
            if (!staged.renameTo(target)) throw IOException("$target can't be written")
        } finally {
            staged.deleteRecursively()
        }
    }

    private fun copyFile(path: String, target: File) {
        val parent = target.parentFile!!
        if (!parent.isDirectory && !parent.mkdirs()) throw IOException("$parent can't be made")
        assets.open(path).use { input -> target.outputStream().use { input.copyTo(it) } }
    }

    private fun has(path: String): Boolean = try {
        assets.open(path).close()
        true
    } catch (_: FileNotFoundException) {
        false
    }

    private companion object {
        /** What the demo's two screens show. */
        val NAMES = listOf("digits", "separator")
        const val ROOT = "families"
        const val MANIFEST = "manifest.json"
        const val PERF = "perf.json"
    }
}
