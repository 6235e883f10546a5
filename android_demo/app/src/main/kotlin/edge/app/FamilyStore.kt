package edge.app

import edge.family.Family
import edge.family.FamilyException
import java.io.File
import java.io.IOException
import java.io.InputStream

/** The app's assets. A name that is no folder has no entries. */
internal interface Assets {
    fun list(folder: String): List<String>

    /** @throws IOException There is no such file. */
    fun open(path: String): InputStream
}

/**
 * Copies families from the assets to files, where runtimes map them. A folder appears whole or not at all.
 *
 * @param folder Where the copies are.
 */
internal class FamilyStore(private val assets: Assets, private val folder: File) {
    val names: List<String> get() = assets.list(ROOT)

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
        if (anew || !copied.exists() || !copied.readBytes().contentEquals(manifest)) copy(name, target)
        Family.open(target)
    } catch (error: IOException) {
        throw troubleOf(error)
    } catch (error: FamilyException) {
        throw AppException(Trouble.DAMAGED, error.message.orEmpty(), error)
    }

    private fun copy(name: String, target: File) {
        val staged = File(folder, "$name.part")
        staged.deleteRecursively()
        try {
            copyTree("$ROOT/$name", staged)
            target.deleteRecursively()
            if (!staged.renameTo(target)) throw IOException("$target can't be written")
        } finally {
            staged.deleteRecursively()
        }
    }

    private fun copyTree(path: String, target: File) {
        val entries = assets.list(path)
        if (entries.isEmpty()) {
            assets.open(path).use { input -> target.outputStream().use { input.copyTo(it) } }
            return
        }
        if (!target.isDirectory && !target.mkdirs()) throw IOException("$target can't be made")
        for (entry in entries) copyTree("$path/$entry", File(target, entry))
    }

    private companion object {
        const val ROOT = "families"
        const val MANIFEST = "manifest.json"
    }
}
