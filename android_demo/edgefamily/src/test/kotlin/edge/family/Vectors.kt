package edge.family

import java.io.File
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** The vectors that the runners of every language share. */
object Vectors {
    val folder = File(System.getProperty("vectors"))

    fun read(name: String): JsonElement = Json.parseToJsonElement(File(folder, "$name.json").readText())

    fun cases(name: String): List<JsonObject> = read(name).jsonArray.map { it.jsonObject }
}

fun JsonObject.text(key: String): String = getValue(key).jsonPrimitive.content

fun JsonElement?.list(): List<JsonElement> = this as JsonArray

fun objectOf(text: String): JsonObject = Json.parseToJsonElement(text).jsonObject
