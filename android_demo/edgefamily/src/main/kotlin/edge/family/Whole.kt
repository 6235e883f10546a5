package edge.family

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** Writes a text file whole or not at all. */
internal fun writeWhole(file: File, text: String) {
    val staged = File(file.parentFile, ".${file.name}.tmp")
    FileOutputStream(staged).use {
        it.write(text.toByteArray())
        it.fd.sync()
    }
    Files.move(staged.toPath(), file.toPath(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
}

/** Reads a small text file of the system; null: it can't be read. */
internal fun readOrNull(path: String): String? = try {
    File(path).readText()
} catch (_: IOException) {
    null
}
