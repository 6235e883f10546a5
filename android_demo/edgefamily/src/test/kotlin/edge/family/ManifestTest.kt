package edge.family

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

class ManifestTest {
    @TestFactory
    fun `manifests are valid or refused as in Python`(): List<DynamicTest> = Vectors.cases("manifests").map { case ->
        dynamicTest(case.text("name")) {
            val record = case.getValue("record").toString()
            if (case.text("valid") == "true") {
                assertEquals("w0.5", Manifest.parse(record).member("w0.5").name)
            } else {
                val error = assertThrows(FamilyException::class.java) { Manifest.parse(record) }
                assertTrue(error.message!!.startsWith("manifest.json is not valid: "), error.message)
                assertFalse(error.message!!.contains('\n'), error.message)
            }
        }
    }

    @Test
    fun `a manifest says from which runtime on a file runs, and from which at full speed`() {
        val named = Vectors.cases("manifests").associate { it.text("name") to it.getValue("record").toString() }
        fun artifact(case: String) = Manifest.parse(named.getValue(case)).member("w0.5").artifact("tflite-builtin-fp32")
        val expected = RunsIn("TensorFlow Lite 2.16.1", "LiteRT 1.1.2")
        assertEquals(expected, artifact("a file for newer runtimes").runsIn)
        assertEquals("", artifact("a file whose speed is not known").runsIn!!.fullSpeedFrom)
        assertEquals(null, artifact("least").runsIn)
    }

    @Test
    fun `text that is no manifest is refused in one line`() {
        val deep = "[".repeat(100_000)
        for (text in listOf("", "null", "[]", "{", deep, """{"schema": "1.0"}""", "\u0000", """{"schema": 1e999}""")) {
            val error = assertThrows(FamilyException::class.java) { Manifest.parse(text) }
            assertTrue(error.message!!.length < 500, error.message)
        }
    }

    @Test
    fun `a member or an artifact that is not there is refused with those that are`() {
        val manifest = Manifest.parse(Vectors.cases("manifests")[0].getValue("record").toString())
        val member = assertThrows(FamilyException::class.java) { manifest.member("w9") }
        assertEquals("there is no member \"w9\": there are [w0.5]", member.message)
        val artifact = assertThrows(FamilyException::class.java) { manifest.member("w0.5").artifact("x") }
        assertEquals("w0.5 has no artifact \"x\": it has [tflite-builtin-fp32]", artifact.message)
    }

    @Test
    fun `a part that is missing, cut short, changed or linked from outside is refused`() {
        val folder = createTempDir()
        val file = File(folder, "a.bin").apply { writeText("content") }
        val part = Part.of(folder, "a.bin")
        assertEquals(file, part.checkedIn(folder))
        file.writeText("conten")
        assertRefused(part, folder, "a.bin has 6 bytes, not 7: copy it again")
        file.writeText("Content")
        assertRefused(part, folder, "a.bin does not match its sha256: it was changed, copy it again")
        file.delete()
        assertRefused(part, folder, "a.bin is missing in $folder: copy the whole folder again")
        val outside = File.createTempFile("outside", ".bin").apply { writeText("content") }
        java.nio.file.Files.createSymbolicLink(file.toPath(), outside.toPath())
        assertRefused(part, folder, "a.bin leads out of $folder")
        outside.delete()
        folder.deleteRecursively()
    }

    private fun assertRefused(part: Part, folder: File, message: String) {
        assertEquals(message, assertThrows(FamilyException::class.java) { part.checkedIn(folder) }.message)
    }

    private fun createTempDir(): File = java.nio.file.Files.createTempDirectory("edgefamily").toFile()
}
