package edge.family

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.charset.StandardCharsets
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.builtins.serializer
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.mapSerialDescriptor
import kotlinx.serialization.encoding.CompositeDecoder
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject

private const val MAX_HEADER_BYTES = 100_000_000L

/** Files of named arrays, of which nothing is trusted. */
public object Safetensors {
    /** @throws FamilyException The file is missing or truncated, or its header does not fit its bytes. */
    public fun read(file: File): Map<String, Tensor> = try {
        RandomAccessFile(file, "r").use { opened ->
            demand(opened.length() <= Int.MAX_VALUE) { "$file has 2 GiB or more" }
            val content = ByteBuffer.allocateDirect(opened.length().toInt())
            do {
                val count = opened.channel.read(content)
            } while (content.hasRemaining() && count >= 0)
            parse(content, file.name)
        }
    } catch (error: IOException) {
        throw FamilyException("$file can't be read: ${oneLine(error.message ?: "no reason")}", error)
    }

    /** Parses a file of which all bytes of [content] are the content. */
    internal fun parse(content: ByteBuffer, name: String): Map<String, Tensor> {
        content.clear()
        content.order(ByteOrder.LITTLE_ENDIAN)
        demand(content.remaining() >= 8) { "$name is not a safetensors file: it is too short" }
        val size = content.getLong()
        demand(size in 0..minOf(content.remaining().toLong(), MAX_HEADER_BYTES)) {
            "$name is truncated, or not a safetensors file"
        }
        val text = ByteArray(size.toInt()).also { content.get(it) }
        val data = content.slice().order(ByteOrder.LITTLE_ENDIAN)
        val where = "the header of $name"
        val header = STRICT.decode(Pairs(Pairs(JsonElement.serializer())), String(text, StandardCharsets.UTF_8), where)
        demand((header.map { it.second } + listOf(header)).all(::hasNamesOnce)) { "$where has a name twice" }
        val specs = header.filter { it.first != METADATA }.map { (key, entry) ->
            key to STRICT.decode(Entry.serializer(), JsonObject(entry.toMap()).toString(), where)
        }
        var end = 0L
        for ((key, entry) in specs.sortedWith(compareBy({ it.second.begin }, { it.second.end }))) {
            val bytes = entry.type?.let { Tensor.byteCount(it, entry.shape) }
            demand(entry.offsets.size == 2 && bytes != null) { "$where: ${quoted(key)} is not an array" }
            demand(entry.begin == end && entry.end - entry.begin == bytes!!.toLong()) {
                "$where: the bytes of ${quoted(key)} don't fit its shape, or there are holes or overlaps"
            }
            end = entry.end
        }
        demand(end == data.capacity().toLong()) { "$name is truncated, or has bytes that belong to no array" }
        return specs.associate { (key, entry) -> key to entry.from(data) }
    }

    /** Writes a file that holds [tensors]; not atomically. */
    internal fun write(file: File, tensors: Map<String, Tensor>) {
        // The widest types first, so that each array is aligned.
        val ordered = tensors.toList().sortedWith(compareBy({ -it.second.dtype.bytes }, { it.first }))
        val header = LinkedHashMap<String, Entry>()
        var offset = 0L
        for ((name, tensor) in ordered) {
            val end = offset + tensor.bytes.capacity()
            header[name] = Entry(tensor.dtype.code, tensor.shape, listOf(offset, end))
            offset = end
        }
        val text = STRICT.encodeToString(HEADER, header).toByteArray()
        val padded = text.copyOf((text.size + 7) / 8 * 8).also { it.fill(' '.code.toByte(), text.size) }
        FileOutputStream(file).use { out ->
            val size = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, padded.size.toLong())
            out.write(size.array())
            out.write(padded)
            for ((_, tensor) in ordered) {
                val bytes = tensor.buffer()
                while (bytes.hasRemaining()) out.channel.write(bytes)
            }
            out.fd.sync()
        }
    }

    private const val METADATA = "__metadata__"
    private val HEADER = kotlinx.serialization.builtins.MapSerializer(String.serializer(), Entry.serializer())
}

@Serializable
private class Entry(
    val dtype: String,
    val shape: List<Int>,
    @SerialName("data_offsets") val offsets: List<Long>,
) {
    val type: DType? get() = DType.BY_CODE[dtype]
    val begin: Long get() = offsets.getOrElse(0) { -1 }
    val end: Long get() = offsets.getOrElse(1) { -1 }

    fun from(data: ByteBuffer): Tensor {
        val part = data.duplicate()
        part.position(begin.toInt()).limit(end.toInt())
        return Tensor.of(type!!, shape, part.slice())
    }
}

private fun hasNamesOnce(pairs: List<Pair<String, *>>): Boolean = pairs.map { it.first }.toSet().size == pairs.size

/** The names of an object in their order, with [values]. A map would drop a name that is there twice. */
@OptIn(ExperimentalSerializationApi::class)
private class Pairs<T>(private val values: KSerializer<T>) : KSerializer<List<Pair<String, T>>> {
    override val descriptor: SerialDescriptor = mapSerialDescriptor(String.serializer().descriptor, values.descriptor)

    override fun deserialize(decoder: Decoder): List<Pair<String, T>> {
        val pairs = ArrayList<Pair<String, T>>()
        val composite = decoder.beginStructure(descriptor)
        while (true) {
            val index = composite.decodeElementIndex(descriptor)
            if (index == CompositeDecoder.DECODE_DONE) break
            val name = composite.decodeStringElement(descriptor, index)
            val place = composite.decodeElementIndex(descriptor)
            pairs += name to composite.decodeSerializableElement(descriptor, place, values)
        }
        composite.endStructure(descriptor)
        return pairs
    }

    override fun serialize(encoder: Encoder, value: List<Pair<String, T>>): Unit =
        throw UnsupportedOperationException("headers are written from a map")
}
