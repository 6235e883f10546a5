package edge.family.tflite

import edge.family.Family
import edge.family.FamilyException
import edge.family.testing.Bundles
import edge.family.testing.scratch
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class TfliteRuntimeTest {
    private val runtime = TfliteRuntime()

    private fun copied(bundle: File): File = scratch().also { bundle.copyRecursively(it, overwrite = true) }

    private fun refusal(folder: File, member: String): String =
        assertThrows(FamilyException::class.java) {
            Family.open(folder).load(member, "tflite-builtin-fp32", runtime).close()
        }.message!!

    /** Puts [content] in place of a member's file, and its sha256 and size into the manifest. */
    private fun replace(folder: File, member: String, content: ByteArray) {
        val manifest = File(folder, "manifest.json")
        val file = File(folder, "members/$member/tflite-builtin-fp32.tflite")
        val old = sha256(file.readBytes()) to file.length()
        file.writeBytes(content)
        manifest.writeText(
            manifest.readText().replace(old.first, sha256(content))
                .replace("\"bytes\": ${old.second}", "\"bytes\": ${content.size}")
                .replace("\"bytes\":${old.second}", "\"bytes\":${content.size}"),
        )
    }

    private fun sha256(content: ByteArray): String =
        java.security.MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }

    @Test
    fun `it is Android's own library`() {
        assertEquals("TensorFlow Lite 2.16.1 for Android", runtime.version)
    }

    @Test
    fun `a file whose sha256 is wrong is refused before it is loaded`() {
        val folder = copied(Bundles.digits)
        val file = File(folder, "members/w0.25/tflite-builtin-fp32.tflite")
        file.writeBytes(file.readBytes().also { it[5000] = (it[5000] + 1).toByte() })
        assertTrue(refusal(folder, "w0.25").contains("does not match its sha256"))
        folder.deleteRecursively()
    }

    @Test
    fun `a file that is no model, is cut short, or is of another network is refused in words`() {
        val folder = copied(Bundles.digits)
        val whole = File(folder, "members/w0.25/tflite-builtin-fp32.tflite").readBytes()
        val cut = listOf(whole.copyOf(1000), whole.copyOf(whole.size / 2))
        for (content in listOf(ByteArray(0), "no model".toByteArray()) + cut) {
            replace(folder, "w0.25", content)
            val message = refusal(folder, "w0.25")
            println(message)
            assertTrue(message.startsWith("w0.25 tflite-builtin-fp32 can't be loaded: "), message)
        }
        replace(folder, "w0.5", File(Bundles.separator, "members/d1w1/tflite-builtin-fp32.tflite").readBytes())
        val message = refusal(folder, "w0.5")
        assertTrue(message.contains("the file has the inputs [audio, state], not [image]"), message)
        folder.deleteRecursively()
    }

    @Test
    fun `a member of another format is refused`() {
        val family = Family.open(Bundles.digits)
        assertThrows(FamilyException::class.java) { family.load("w0.25", "executorch-xnnpack-fp32", runtime) }
        assertThrows(FamilyException::class.java) { family.load("w9", "tflite-builtin-fp32", runtime) }
    }
}
