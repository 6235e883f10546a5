package edge.family.testing

import edge.family.Safetensors
import edge.family.Tensor
import java.io.File
import java.nio.file.Files
import java.security.MessageDigest
import kotlin.math.log10
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** The bundles that `make` builds for tests, and the vectors of all runners. */
public object Bundles {
    private val folder = File(System.getProperty("bundles"))
    public val digits: File = File(folder, "digits")
    public val separator: File = File(folder, "separator")

    /** The smallest members for the target android, with a `.pte` each. */
    public val androidDigits: File = File(folder, "android/digits")
    public val androidSeparator: File = File(folder, "android/separator")
    public val vectors: File = File(System.getProperty("vectors"))

    public fun golden(bundle: File, name: String): Map<String, Tensor> =
        Safetensors.read(File(bundle, "goldens/$name.safetensors"))
}

public fun scratch(): File = Files.createTempDirectory("edgefamily").toFile()

public fun json(file: File): JsonObject = Json.parseToJsonElement(file.readText()).jsonObject

public fun JsonElement.at(vararg path: String): JsonElement = path.fold(this) { element, key ->
    if (element is JsonArray) element[key.toInt()] else element.jsonObject.getValue(key)
}

public fun JsonElement.text(vararg path: String): String = at(*path).jsonPrimitive.content

/** The signal-to-noise ratio in dB. */
public fun snrDb(reference: FloatArray, values: FloatArray): Double {
    require(reference.size == values.size) { "${values.size} values, not ${reference.size}" }
    var signal = 0.0
    var noise = 0.0
    for (index in reference.indices) {
        signal += reference[index].toDouble() * reference[index]
        noise += (values[index].toDouble() - reference[index]).let { it * it }
    }
    return 10 * log10(signal / noise)
}

private fun sha256(file: File): String =
    MessageDigest.getInstance("SHA-256").digest(file.readBytes()).joinToString("") { "%02x".format(it) }

private fun part(folder: File, path: String) = JsonObject(
    mapOf(
        "path" to JsonPrimitive(path),
        "sha256" to JsonPrimitive(sha256(File(folder, path))),
        "bytes" to JsonPrimitive(File(folder, path).length()),
    ),
)

/** Makes a request folder with one item for each member and mode of a bundle, as the package makes it. */
public fun requestOf(
    bundle: File,
    modes: List<String>,
    format: String = "tflite",
    change: (Map<String, JsonElement>) -> Map<String, JsonElement> = { it },
): File {
    val folder = scratch()
    File(bundle, "goldens/inputs.safetensors").copyTo(File(folder, "inputs/inputs.safetensors"))
    val items = json(File(bundle, "manifest.json")).at("members").jsonArray.flatMap { member ->
        val artifact = member.at("artifacts").jsonArray.first { it.text("format") == format }
        val file = File(bundle, artifact.text("file", "path"))
        val path = "artifacts/${member.text("name")}.${file.extension}"
        file.copyTo(File(folder, path))
        modes.map { mode ->
            val item = mapOf(
                "id" to JsonPrimitive("${member.text("name")}-$mode"),
                "member" to member.at("name"),
                "label" to JsonPrimitive(file.nameWithoutExtension),
                "mode" to JsonPrimitive(mode),
                "format" to JsonPrimitive(format),
                "artifact" to part(folder, path),
                "io" to artifact.at("io"),
                "member_io" to member.at("io"),
                "inputs" to part(folder, "inputs/inputs.safetensors"),
                "repeat" to JsonPrimitive(mode == "verify"),
                "plan" to if (mode == "bench") Json.parseToJsonElement(PLAN) else JsonNull,
            )
            JsonObject(change(item))
        }
    }
    val request = JsonObject(
        mapOf(
            "schema" to JsonPrimitive("1.0"),
            "run_id" to JsonPrimitive("run1"),
            "bundle" to JsonPrimitive(sha256(File(bundle, "manifest.json"))),
            "items" to JsonArray(items),
        ),
    )
    File(folder, "request.json").writeText(request.toString())
    return folder
}

private const val PLAN = """{"warm_up_seconds": 0.2, "seconds": 0.1, "min_samples": 5}"""
