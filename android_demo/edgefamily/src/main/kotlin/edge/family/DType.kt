package edge.family

/**
 * The type of a tensor's elements: its name in a manifest, its name in safetensors, its size.
 *
 * @property integers The values that it holds; null: it holds floats.
 */
public enum class DType(
    public val label: String,
    internal val code: String,
    public val bytes: Int,
    internal val integers: LongRange? = null,
) {
    FLOAT64("float64", "F64", 8),
    FLOAT32("float32", "F32", 4),
    FLOAT16("float16", "F16", 2),
    INT64("int64", "I64", 8, Long.MIN_VALUE..Long.MAX_VALUE),
    INT32("int32", "I32", 4, Int.MIN_VALUE.toLong()..Int.MAX_VALUE),
    INT16("int16", "I16", 2, -32768L..32767),
    INT8("int8", "I8", 1, -128L..127),
    UINT8("uint8", "U8", 1, 0L..255),
    BOOL("bool", "BOOL", 1, 0L..1);

    internal companion object {
        /** The types that an artifact's inputs and outputs may have, by their names in a manifest. */
        val BY_LABEL: Map<String, DType> = values().filter { it != FLOAT64 }.associateBy { it.label }
        val BY_CODE: Map<String, DType> = values().associateBy { it.code }
    }
}
