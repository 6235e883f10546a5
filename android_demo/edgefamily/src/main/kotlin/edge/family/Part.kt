package edge.family

import java.io.File
import java.io.IOException
import java.security.MessageDigest
import kotlinx.serialization.Serializable

/** One file of a bundle or of a request: its relative path, its sha256 and its size. */
@Serializable
public data class Part(val path: String, val sha256: String, val bytes: Long) {
    internal fun problems(where: String): List<String> = buildList {
        val inside = path.length <= 400 && PATH.matches(path)
        if (!inside) add("$where.path ${quoted(path)} is not a path inside of the folder")
        if (!SHA256.matches(sha256)) add("$where.sha256 is not a sha256")
        if (bytes < 0) add("$where.bytes is negative")
    }

    /**
     * Returns this file in [folder]; its path is known to be valid.
     *
     * @throws FamilyException It is missing, leads out of the folder by a link, was cut short or changed.
     */
    internal fun checkedIn(folder: File): File {
        val file = File(folder, path)
        try {
            demand(file.exists()) { "$path is missing in $folder: copy the whole folder again" }
            val root = folder.canonicalFile.toPath()
            demand(file.canonicalFile.toPath().startsWith(root)) { "$path leads out of $folder" }
            if (file.isFile) {
                demand(file.length() == bytes) { "$path has ${file.length()} bytes, not $bytes: copy it again" }
            }
            demand(sha256Of(file) == sha256) { "$path does not match its sha256: it was changed, copy it again" }
        } catch (error: IOException) {
            throw FamilyException("$path can't be read: ${oneLine(error.message ?: "no reason")}", error)
        }
        return file
    }

    internal companion object {
        private const val WORD = "[A-Za-z0-9_][A-Za-z0-9_.+-]{0,119}"
        val NAME: Regex = Regex(WORD)
        private val PATH = Regex("$WORD(/$WORD){0,7}")
        val SHA256: Regex = Regex("[0-9a-f]{64}")

        /** Describes a file in [folder]. */
        fun of(folder: File, path: String): Part {
            val file = File(folder, path)
            return Part(path, sha256Of(file), file.length())
        }
    }
}

/** Returns the sha256 of a file, or of a folder: that of the lines `path NUL sha256 LF`, sorted part by part. */
internal fun sha256Of(path: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    if (path.isDirectory) {
        val files = path.walkTopDown().filter { it.isFile }.map { it.relativeTo(path).invariantSeparatorsPath to it }
        for ((name, file) in files.sortedWith { a, b -> compareParts(a.first.split('/'), b.first.split('/')) }) {
            digest.update("$name\u0000${sha256Of(file)}\n".toByteArray())
        }
    } else {
        val block = ByteArray(1 shl 16)
        path.inputStream().use { input ->
            while (true) {
                val count = input.read(block)
                if (count < 0) break
                digest.update(block, 0, count)
            }
        }
    }
    return digest.digest().joinToString("") { "%02x".format(it) }
}

private fun compareParts(a: List<String>, b: List<String>): Int {
    for (index in 0 until minOf(a.size, b.size)) {
        val order = a[index].compareTo(b[index])
        if (order != 0) return order
    }
    return a.size - b.size
}
