package edge.family.executorch

import edge.family.FamilyException
import edge.family.Io
import edge.family.Runner
import edge.family.Runner.Step
import edge.family.Safetensors
import edge.family.ThisDevice
import edge.family.testing.Bundles
import edge.family.testing.at
import edge.family.testing.json
import edge.family.testing.requestOf
import edge.family.testing.scratch
import edge.family.testing.snrDb
import edge.family.testing.text
import java.io.File
import java.io.RandomAccessFile
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.jsonArray
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The real classes of edgefamily-executorch; behind Android's classes ExecuTorch for Python runs the `.pte` files. */
class ExecuTorchRuntimeTest {
    private val runtime = ExecuTorchRuntime("for tests")
    private val runner = Runner(listOf(runtime), ThisDevice.facts(listOf(runtime)))

    @Test
    fun `both families agree with the mother's goldens, repeat their bits, and are timed`() {
        for ((bundle, output) in listOf(Bundles.androidDigits to "logits", Bundles.androidSeparator to "stems")) {
            val folder = requestOf(bundle, listOf("verify", "bench"), "executorch")
            assertTrue(runner.run(folder) { assertTrue(it.step in setOf(Step.STARTED, Step.DONE), it.reason) })
            for (member in json(File(bundle, "manifest.json")).at("members").jsonArray.map { it.text("name") }) {
                val results = File(folder, "results/$member-verify")
                val found = Safetensors.read(File(results, "outputs.safetensors")).getValue(output)
                val golden = Bundles.golden(bundle, member).getValue(output)
                assertEquals(golden.shape, found.shape)
                val snr = snrDb(golden.floats(), found.floats())
                println("$member in ExecuTorch: %.1f dB".format(snr))
                assertTrue(snr > 90, "$member: $snr dB")
                assertEquals("true", json(File(results, "status.json")).text("repeatable"))
            }
            folder.deleteRecursively()
        }
    }

    private fun reasonOf(
        damage: (File) -> Unit = {},
        change: (Map<String, JsonElement>) -> Map<String, JsonElement>,
    ): String {
        val folder = requestOf(Bundles.androidDigits, listOf("verify"), "executorch", change)
        damage(folder)
        var reason = ""
        assertTrue(runner.run(folder) { if (it.step == Step.FAILED) reason = it.reason })
        folder.deleteRecursively()
        return reason
    }

    @Test
    fun `a file that was changed, or has other outputs, costs its item`() {
        val changed = reasonOf({ folder ->
            RandomAccessFile(File(folder, "artifacts/w0.25.pte"), "rw").use { it.seek(9000); it.writeInt(0x01020304) }
        }) { it }
        assertTrue(changed.contains("does not match its sha256"), changed)
        val other = reasonOf { item -> item + listOf("io", "member_io").map { it to twice(item.getValue(it)) } }
        assertTrue(other.contains("the file gives 1 outputs, not 2 tensors"), other)
    }

    /** The same with its output there twice. */
    private fun twice(io: JsonElement): JsonElement {
        val output = io.at("outputs", "0").toString()
        val second = output.replace(io.text("outputs", "0", "name"), "second")
        return Json.parseToJsonElement(io.toString().replace(output, "$output,$second"))
    }

    @Test
    fun `a file that ExecuTorch refuses is one exception with its number`() {
        val folder = scratch()
        val file = File(folder, "broken.pte").apply { writeBytes(ByteArray(4096) { 1 }) }
        val error = assertThrows(FamilyException::class.java) { runtime.load(file, Io(emptyList(), emptyList()), 1) }
        assertTrue(Regex("error 0x[0-9a-f]{2}: .*").matches(error.message!!), error.message)
        folder.deleteRecursively()
    }
}
