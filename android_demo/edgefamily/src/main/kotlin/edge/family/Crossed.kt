package edge.family

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Returns this tensor in the layout, type and shape of the other side: of a member, or of its file. Itself if they are
 * equal.
 *
 * @throws FamilyException The other side's type can't hold a value, or the layouts have different axes.
 */
internal fun Tensor.crossed(from: TensorSpec, to: TensorSpec): Tensor {
    val tensor = toLayout(from.layout, to.layout).toType(to)
    // A file may lack the batch of one, where its format has no more axes.
    val differs = tensor.shape.size != to.shape.size
    val fits = Tensor.byteCount(tensor.dtype, to.shape) == tensor.bytes.capacity()
    return if (differs && fits) Tensor(tensor.dtype, to.shape, tensor.bytes) else tensor
}

/** Returns integers or bools as those of [spec], which may be other ones. Floats stay as they are. */
private fun Tensor.toType(spec: TensorSpec): Tensor {
    val range = spec.type.integers
    if (dtype == spec.type || dtype.integers == null || range == null) return this
    val result = Tensor.zeros(spec.type, shape)
    val source = buffer()
    val target = result.bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)
    repeat(size) {
        val value = source.nextInteger(dtype)
        demand(value in range) { "${spec.name} holds $value, which is no ${spec.dtype}" }
        target.putInteger(value, spec.type)
    }
    return result
}

private fun ByteBuffer.nextInteger(type: DType): Long = when (type) {
    DType.INT64 -> long
    DType.INT32 -> int.toLong()
    DType.INT16 -> short.toLong()
    DType.INT8 -> get().toLong()
    else -> get().toLong() and 0xff
}

private fun ByteBuffer.putInteger(value: Long, type: DType) {
    when (type) {
        DType.INT64 -> putLong(value)
        DType.INT32 -> putInt(value.toInt())
        DType.INT16 -> putShort(value.toShort())
        else -> put(value.toByte())
    }
}
