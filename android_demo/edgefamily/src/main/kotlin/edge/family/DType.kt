package edge.family

/** The type of a tensor's elements: its name in a manifest, its name in safetensors, its size. */
public enum class DType(public val label: String, internal val code: String, public val bytes: Int) {
    FLOAT64("float64", "F64", 8),
    FLOAT32("float32", "F32", 4),
    FLOAT16("float16", "F16", 2),
    INT64("int64", "I64", 8),
    INT32("int32", "I32", 4),
    INT16("int16", "I16", 2),
    INT8("int8", "I8", 1),
    UINT8("uint8", "U8", 1),
    BOOL("bool", "BOOL", 1);

    internal companion object {
        /** The types that an artifact's inputs and outputs may have, by their names in a manifest. */
        val BY_LABEL: Map<String, DType> = values().filter { it != FLOAT64 }.associateBy { it.label }
        val BY_CODE: Map<String, DType> = values().associateBy { it.code }
    }
}
