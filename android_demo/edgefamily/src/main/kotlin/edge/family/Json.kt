package edge.family

import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.StandardCharsets
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.json.Json

private const val MAX_JSON_BYTES = 64L shl 20

/** Records that this library must know whole: an unknown field is an error. */
internal val STRICT: Json = Json { encodeDefaults = true }

/** Records of which this library reads a part. */
internal val PARTIAL: Json = Json(STRICT) { ignoreUnknownKeys = true }

/**
 * Decodes JSON of which nothing is trusted.
 *
 * @throws FamilyException It is not valid; [where] is named.
 */
internal fun <T> Json.decode(format: DeserializationStrategy<T>, text: String, where: String): T =
    try {
        decodeFromString(format, text)
    } catch (error: IllegalArgumentException) { // kotlinx-serialization's exceptions are such
        val first = (error.message ?: "not JSON").lineSequence().first()
        throw FamilyException("$where is not valid: ${oneLine(first)}", error)
    }

/**
 * Reads a text file in UTF-8 of at most 64 MiB.
 *
 * @throws FamilyException It is missing, larger, or not UTF-8.
 */
internal fun readJson(file: File): String =
    try {
        demand(file.length() <= MAX_JSON_BYTES) { "$file has more than $MAX_JSON_BYTES bytes" }
        StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(file.readBytes())).toString()
    } catch (error: CharacterCodingException) {
        throw FamilyException("$file is not UTF-8 text", error)
    } catch (error: IOException) {
        throw FamilyException("$file can't be read: ${oneLine(error.message ?: "no reason")}", error)
    }
