package edge.family.tflite

import edge.family.Engine
import edge.family.FamilyException
import edge.family.Io
import edge.family.Runner
import edge.family.Runner.Step
import edge.family.Runtime
import edge.family.Safetensors
import edge.family.Tensor
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
import java.util.concurrent.CountDownLatch
import kotlin.math.abs
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.float
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class RunnerTest {
    private val runtimes = listOf(TfliteRuntime())
    private val runner = Runner(runtimes, ThisDevice.facts(runtimes, model = "this machine"))

    private fun status(folder: File, item: String) = json(File(folder, "results/$item/status.json"))

    @Test
    fun `the request folder of all runners gives what it must`() {
        val folder = scratch()
        File(Bundles.vectors, "folder").copyRecursively(folder, overwrite = true)
        val expected = json(File(folder, "expected.json"))
        val told = LinkedHashMap<String, String>()
        assertTrue(runner.run(folder) { event ->
            told.put(event.item, event.step.label)?.let { assertEquals("started", it) }
        })
        assertEquals(expected.at("outcomes").jsonObject.mapValues { it.value.jsonPrimitive.content }, told)
        for ((item, outcome) in told) assertEquals(outcome, status(folder, item).text("outcome"))
        assertEquals("true", status(folder, "verify").text("repeatable"))
        val mask = Safetensors.read(File(folder, "results/verify/outputs.safetensors")).getValue("mask")
        val wanted = expected.at("outputs", "verify", "mask", "values").jsonArray.map { it.jsonPrimitive.float }
        val tolerance = expected.text("tolerance").toFloat()
        mask.floats().forEachIndexed { index, value -> assertTrue(abs(value - wanted[index]) <= tolerance) }
        assertTrue(json(File(folder, "results/bench/samples.json")).at("call_ms").jsonArray.size >= 5)
        assertTrue(status(folder, "memory").text("peak_memory_bytes").toLong() >= 0)
        assertTrue(status(folder, "content").text("reason").contains("sha256"))
        assertEquals("this machine", json(File(folder, "device.json")).text("model"))
        assertTrue(json(File(folder, "device.json")).text("runtimes", "tflite").startsWith("TensorFlow Lite 2.16.1"))
        assertTrue(runner.run(folder) { assertEquals("finished before", it.step.label) })
        folder.deleteRecursively()
    }

    @Test
    fun `both families agree with the mother's goldens, repeat their bits, and are timed`() {
        val peaks = ArrayList<Long>() // above what the process holds: a small file may fit into what an earlier one left
        for ((bundle, output) in listOf(Bundles.digits to "logits", Bundles.separator to "stems")) {
            val request = requestOf(bundle, listOf("verify", "bench", "memory"))
            val folder = scratch() // an app can't write where adb puts the request
            assertTrue(runner.run(request, folder) { assertTrue(it.step in setOf(Step.STARTED, Step.DONE), it.reason) })
            assertEquals(setOf("request.json", "inputs", "artifacts"), request.list()!!.toSet())
            runByPython(request)
            for (member in json(File(bundle, "manifest.json")).at("members").jsonArray.map { it.text("name") }) {
                val found = outputOf(folder, member, output)
                val golden = Bundles.golden(bundle, member).getValue(output)
                assertEquals(golden.shape, found.shape)
                val snr = snrDb(golden.floats(), found.floats())
                println("$member on TFLite for Android: %.1f dB".format(snr))
                assertTrue(snr > 90, "$member: $snr dB")
                val python = outputOf(request, member, output)
                assertEquals(python.buffer(), found.buffer(), "$member: not the bits that aar:x86_64 gives")
                assertEquals("true", status(folder, "$member-verify").text("repeatable"))
                peaks += status(folder, "$member-memory").text("peak_memory_bytes").toLong()
            }
            request.deleteRecursively()
            folder.deleteRecursively()
        }
        assertTrue(peaks.min() >= 0 && peaks.max() > 0, peaks.toString())
    }

    private fun outputOf(folder: File, member: String, name: String): Tensor =
        Safetensors.read(File(folder, "results/$member-verify/outputs.safetensors")).getValue(name)

    /** Runs a request in place, as the device `aar:x86_64` does: the same library, called by Python. */
    private fun runByPython(request: File) {
        val (native, python) = listOf("native", "python").map { System.getProperty(it) }
        val runner = File(Bundles.vectors, "../../runner/edge_runner.py").path
        val library = "$native/libtensorflowlite_jni.so"
        val process = ProcessBuilder(python, runner, "--tflite-library", library, request.path)
            .redirectErrorStream(true).start()
        val said = process.inputStream.bufferedReader().readText()
        assertEquals(0, process.waitFor(), said)
    }

    private fun reasonOf(
        change: (Map<String, JsonElement>) -> Map<String, JsonElement>,
        damage: (File) -> Unit = {},
    ): String {
        val folder = requestOf(Bundles.digits, listOf("verify"), change = change)
        damage(folder)
        val reasons = ArrayList<String>()
        assertTrue(runner.run(folder) { if (it.step == Step.FAILED) reasons += it.reason })
        folder.deleteRecursively()
        assertEquals(1, reasons.size, reasons.toString())
        assertFalse(reasons[0].contains('\n'))
        return reasons[0]
    }

    @Test
    fun `a file that is cut short, changed, missing, or of another network costs its item`() {
        val file = "artifacts/w0.25.tflite"
        val cut = reasonOf({ it }) { folder -> RandomAccessFile(File(folder, file), "rw").use { it.setLength(1000) } }
        assertTrue(cut.contains("has 1000 bytes"), cut)
        assertTrue(reasonOf({ it }) { File(it, file).delete() }.contains("is missing"))
        val changed = reasonOf({ it }) { folder ->
            RandomAccessFile(File(folder, file), "rw").use { it.seek(9000); it.write(byteArrayOf(1, 2, 3)) }
        }
        assertTrue(changed.contains("does not match its sha256"), changed)
        val other = reasonOf({ item ->
            if (item.getValue("id").text() != "w0.25-verify") item else item + ("io" to otherIo())
        })
        assertTrue(other.contains("in the file, not"), other)
    }

    private fun otherIo(): JsonElement {
        val io = json(File(Bundles.digits, "manifest.json")).at("members", "0", "artifacts", "0", "io").toString()
        return Json.parseToJsonElement(io.replace("[1,32,32,1]", "[1,16,32,2]"))
    }

    @Test
    fun `a runtime that hangs costs its item, and tells that the process must end`() {
        val folder = requestOf(Bundles.digits, listOf("verify")) { it + ("timeout_s" to JsonPrimitive(0.5)) }
        val end = CountDownLatch(1)
        val hanging = Runner(listOf(Broken { end.await(); emptyMap() }), ThisDevice.facts(emptyList()))
        assertFalse(hanging.run(folder))
        assertEquals("it took longer than its time limit of 0.5 s", status(folder, "w0.25-verify").text("reason"))
        val thread = Thread.getAllStackTraces().keys.single { it.name == "edgefamily w0.25-verify" }
        end.countDown()
        thread.join()
        folder.deleteRecursively()
    }

    @Test
    fun `an engine that ends the process twice costs its item, and a further start runs the rest`() {
        val folder = requestOf(Bundles.digits, listOf("verify"))
        repeat(2) { assertEquals(CRASH, startCrashing(folder)) }
        assertEquals(0, startCrashing(folder))
        assertTrue(status(folder, "w0.25-verify").text("reason").startsWith("the process ended twice in this item"))
        assertEquals("done", status(folder, "w0.5-verify").text("outcome"))
        folder.deleteRecursively()
    }

    private fun startCrashing(folder: File): Int {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val path = System.getProperty("java.class.path")
        val command = listOf(java, "-cp", path, "edge.family.tflite.CrashingKt", folder.path)
        return ProcessBuilder(command).inheritIO().start().waitFor()
    }

    @Test
    fun `a folder without a valid request is refused`() {
        val folder = scratch()
        assertThrows(FamilyException::class.java) { runner.run(folder) }
        File(folder, "request.json").writeText("{")
        assertThrows(FamilyException::class.java) { runner.run(folder) }
        folder.deleteRecursively()
    }
}

private fun JsonElement.text(): String = jsonPrimitive.content

const val CRASH = 77

/** TFLite, with another thing done in place of a call. */
class Broken(private val call: (Map<String, Tensor>) -> Map<String, Tensor>) : Runtime {
    override val format = "tflite"
    override val version = "broken"

    override fun load(file: File, io: Io, threads: Int): Engine = object : Engine {
        override fun call(inputs: Map<String, Tensor>) = this@Broken.call(inputs)

        override fun close() = Unit
    }
}

/** Runs the smaller member in an engine that ends the process, as a crash of a runtime does, and others in TFLite. */
class CrashingOnce : Runtime {
    private val real = TfliteRuntime()
    override val format = "tflite"
    override val version get() = real.version

    override fun load(file: File, io: Io, threads: Int): Engine {
        val crashing = Broken { java.lang.Runtime.getRuntime().halt(CRASH); it }
        return (if ("w0.25" in file.name) crashing else real).load(file, io, threads)
    }
}
