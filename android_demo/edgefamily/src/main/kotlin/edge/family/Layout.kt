package edge.family

/** Returns this tensor transposed from layout [from] to [to], such as "NCHW" to "NHWC"; itself if they are equal. */
internal fun Tensor.toLayout(from: String, to: String): Tensor {
    if (from == to) return this
    val fits = from.toList().sorted() == to.toList().sorted() && from.length == shape.size
    demand(fits && from.toSet().size == from.length) {
        "an array of shape $shape can't go from layout ${quoted(from)} to ${quoted(to)}"
    }
    val order = to.map { from.indexOf(it) }
    val result = Tensor.zeros(dtype, order.map { shape[it] })
    val strides = IntArray(shape.size).also {
        var stride = dtype.bytes
        for (axis in shape.indices.reversed()) {
            it[axis] = stride
            stride *= shape[axis]
        }
    }
    val source = buffer()
    val target = result.bytes.duplicate()
    val place = IntArray(order.size)
    repeat(size) {
        var offset = 0
        for (axis in order.indices) offset += place[axis] * strides[order[axis]]
        for (byte in 0 until dtype.bytes) target.put(source.get(offset + byte))
        var axis = order.size - 1
        while (axis >= 0 && ++place[axis] == result.shape[axis]) place[axis--] = 0
    }
    return result
}
