package edge.app

import edge.family.Runner
import edge.family.Safetensors
import edge.family.ThisDevice
import edge.family.tflite.TfliteRuntime
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** Separates a recording by the runner and a request folder, as a host does. */
internal class RunnerStems(private val bundle: File, private val folder: File) {
    /** Returns the stems of [audio] of one channel. */
    fun of(member: String, audio: FloatArray): List<FloatArray> {
        val manifest = Json.parseToJsonElement(File(bundle, "manifest.json").readText()).jsonObject
        val found = manifest.getValue("members").jsonArray.map { it.jsonObject }
            .first { it.getValue("name").jsonPrimitive.content == member }
        val artifact = found.getValue("artifacts").jsonArray[0].jsonObject
        val file = artifact.getValue("file").jsonObject
        val path = file.getValue("path").jsonPrimitive.content
        File(bundle, path).copyTo(File(folder, path))
        write(File(folder, "inputs.safetensors"), audio)
        val item = mapOf(
            "id" to JsonPrimitive("stems"),
            "member" to JsonPrimitive(member),
            "label" to JsonPrimitive("tflite-builtin-fp32"),
            "mode" to JsonPrimitive("verify"),
            "format" to JsonPrimitive("tflite"),
            "artifact" to file,
            "io" to artifact.getValue("io"),
            "member_io" to found.getValue("io"),
            "inputs" to part("inputs.safetensors"),
        )
        val request = mapOf(
            "schema" to JsonPrimitive("1.0"),
            "run_id" to JsonPrimitive("app"),
            "bundle" to JsonPrimitive(sha256(File(bundle, "manifest.json"))),
            "items" to JsonArray(listOf(JsonObject(item))),
        )
        File(folder, "request.json").writeText(JsonObject(request).toString())
        val runtimes = listOf(TfliteRuntime())
        Runner(runtimes, ThisDevice.facts(runtimes)).run(folder) { check(it.reason.isEmpty()) { it.reason } }
        val stems = Safetensors.read(File(folder, "results/stems/outputs.safetensors")).getValue("stems")
        val values = stems.floats()
        return List(stems.shape[1]) { values.copyOfRange(it * audio.size, (it + 1) * audio.size) }
    }

    private fun part(path: String): JsonElement {
        val file = File(folder, path)
        val fields = mapOf(
            "path" to JsonPrimitive(path),
            "sha256" to JsonPrimitive(sha256(file)),
            "bytes" to JsonPrimitive(file.length()),
        )
        return JsonObject(fields)
    }

    private fun write(file: File, audio: FloatArray) {
        val header = """{"audio":{"dtype":"F32","shape":[1,1,${audio.size}],"data_offsets":[0,${4 * audio.size}]}}"""
        val padded = header.padEnd((header.length + 7) / 8 * 8)
        val bytes = ByteBuffer.allocate(8 + padded.length + 4 * audio.size).order(ByteOrder.LITTLE_ENDIAN)
        bytes.putLong(padded.length.toLong()).put(padded.toByteArray())
        bytes.asFloatBuffer().put(audio)
        file.writeBytes(bytes.array())
    }

    private fun sha256(file: File) =
        MessageDigest.getInstance("SHA-256").digest(file.readBytes()).joinToString("") { "%02x".format(it) }
}
