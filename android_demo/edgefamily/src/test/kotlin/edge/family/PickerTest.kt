package edge.family

import kotlinx.serialization.builtins.ListSerializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.doubleOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.longOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

class PickerTest {
    private val vectors = Vectors.read("picker").jsonObject

    @TestFactory
    fun `every case is picked as in Python`(): List<DynamicTest> = vectors["cases"].list().map { each ->
        val case = each.jsonObject
        dynamicTest(case.text("name")) {
            val wanted = case.getValue("pick")
            if (wanted is JsonNull) {
                assertThrows(FamilyException::class.java) { picked(case) }
            } else {
                val pick = picked(case)
                assertEquals(wanted.jsonObject.text("member"), pick.member)
                assertEquals(wanted.jsonObject.text("artifact"), pick.artifact)
                assertEquals(wanted.jsonObject.text("threads"), pick.threads.toString())
                assertEquals(wanted.jsonObject.text("fits"), pick.fits.name.lowercase())
                val rules = Json.encodeToJsonElement(ListSerializer(Rule.serializer()), pick.rules)
                assertEquals(wanted.jsonObject["rules"], rules)
            }
        }
    }

    private fun picked(case: JsonObject): Pick {
        val short = vectors["manifests"]!!.jsonObject[case.text("manifest")]!!.jsonObject
        val manifest = Manifest.parse(wholeManifest(short))
        val perf = Perf.parse(vectors["perfs"]!!.jsonObject[case.text("perf")].toString())
        val facts = PARTIAL.decode(DeviceFacts.serializer(), case["facts"].toString(), "facts")
        val budget = case["budget"] as? JsonObject ?: JsonObject(emptyMap())
        fun limit(name: String) = budget[name]?.jsonPrimitive
        val limits = Budget(
            limit("call_ms")?.doubleOrNull,
            limit("real_time_factor")?.doubleOrNull,
            limit("bytes")?.longOrNull,
            limit("memory_bytes")?.longOrNull,
        )
        val calibration = (case["calibration"] as? JsonObject)?.let {
            val threads = it["threads"]?.jsonPrimitive?.int ?: 1
            Calibration(it.text("member"), it.text("artifact"), threads, it.text("p90_ms").toDouble())
        }
        return pick(manifest, perf, facts, limits, calibration)
    }

    /** Fills the reduced manifests of the vectors up to whole ones. */
    private fun wholeManifest(reduced: JsonObject): String = buildJsonObject {
        put("schema", json("\"1.0\""))
        put("target", json("\"t\""))
        put("tools", json("{}"))
        put("mother", json("""{"spec": "made up", "checkpoint_sha256": null}"""))
        put("recorded", json("""{"metric": "top1", "inputs": $FILE, "held_out": null, "extremes": $FILE}"""))
        put("members", JsonArray(reduced["members"].list().map { member(it.jsonObject) }))
    }.toString()

    private fun member(reduced: JsonObject): JsonObject {
        val stream = reduced["io"]!!.jsonObject["stream"] as? JsonObject
        val samples = stream?.let { it.text("hop").toInt() * it.text("frames_per_call").toInt() } ?: 1
        val shape = "[1, $samples]"
        val tensors = """"inputs": [{"name": "x", "shape": $shape}], "outputs": [{"name": "y", "shape": $shape}]"""
        val whole = stream?.let { JsonObject(it + objectOf("""{"delay": 0, "stems": ["vocals"]}""")) } ?: JsonNull
        val artifacts = reduced["artifacts"].list().map { artifact(it.jsonObject) }
        val rest = objectOf(
            """{"config": "c", "io": {$tensors, "stream": $whole}, "peak_activation_bytes": 1, "calibration_batches": 0,
                "tolerance": $TOLERANCE, "folded": 0, "refused": [], "golden": $FILE, "extremes": $FILE,
                "metric": null}""",
        )
        return JsonObject(reduced + rest + mapOf("artifacts" to JsonArray(artifacts)))
    }

    private fun artifact(reduced: JsonObject): JsonObject {
        val file = (reduced["file"] as? JsonObject)?.let { JsonObject(objectOf(FILE) + it) } ?: JsonNull
        return JsonObject(reduced + objectOf("""{"io": null, "tolerance": $TOLERANCE, "reason": "", "file": $file}"""))
    }

    private fun json(text: String): JsonElement = Json.parseToJsonElement(text)

    private companion object {
        val FILE = """{"path": "f", "sha256": "${"0".repeat(64)}", "bytes": 1}"""
        const val TOLERANCE = """{"snr_db": 90, "max_abs_of_peak": 1e-4}"""
    }
}
