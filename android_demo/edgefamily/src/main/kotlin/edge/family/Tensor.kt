package edge.family

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * An array: its type, its shape and its bytes, in C order and little-endian, as safetensors and runtimes have them.
 *
 * @property bytes A direct buffer, from which engines read in place. Its position and limit never change.
 */
public class Tensor internal constructor(
    public val dtype: DType,
    public val shape: List<Int>,
    internal val bytes: ByteBuffer,
) {
    /** The number of elements. */
    public val size: Int get() = bytes.capacity() / dtype.bytes

    /** Returns a read-only view of the bytes, little-endian, from the first to the last. */
    public fun buffer(): ByteBuffer = bytes.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN)

    /**
     * Returns a copy of the values.
     *
     * @throws FamilyException The type is not float32.
     */
    public fun floats(): FloatArray {
        demand(dtype == DType.FLOAT32) { "a tensor of ${dtype.label} has no float32 values" }
        return FloatArray(size).also { buffer().asFloatBuffer().get(it) }
    }

    /** Returns a copy of the tensor. */
    public fun copy(): Tensor = of(dtype, shape, bytes)

    /** The type and the shape, such as "float32 [1, 2]". */
    override fun toString(): String = "${dtype.label} $shape"

    internal fun sameBytes(other: Tensor): Boolean = buffer() == other.buffer()

    /** Returns entry [index] of the first axis, with a first axis of 1. */
    internal fun entry(index: Int): Tensor {
        val length = bytes.capacity() / shape[0]
        val part = buffer()
        part.position(index * length).limit((index + 1) * length)
        return of(dtype, listOf(1) + shape.drop(1), part.slice())
    }

    public companion object {
        /** Returns a tensor of float32 with a copy of [values]. */
        public fun of(shape: List<Int>, values: FloatArray): Tensor {
            val tensor = zeros(DType.FLOAT32, shape)
            demand(tensor.size == values.size) { "${values.size} values don't fit the shape $shape" }
            tensor.bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values)
            return tensor
        }

        /** Returns a tensor with a copy of all bytes of [content]. */
        public fun of(dtype: DType, shape: List<Int>, content: ByteBuffer): Tensor {
            val tensor = zeros(dtype, shape)
            val source = content.duplicate()
            source.clear()
            demand(source.remaining() == tensor.bytes.capacity()) { "${source.remaining()} bytes don't fit $tensor" }
            tensor.bytes.duplicate().put(source)
            return tensor
        }

        /** Returns a tensor of zeros. */
        public fun zeros(dtype: DType, shape: List<Int>): Tensor {
            val bytes = byteCount(dtype, shape) ?: throw FamilyException("$shape is not a shape of ${dtype.label}")
            return Tensor(dtype, shape.toList(), ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN))
        }

        /** Returns the bytes of an array, or null if a size is negative or they are 2 GiB or more. */
        internal fun byteCount(dtype: DType, shape: List<Int>): Int? {
            if (shape.any { it < 0 }) return null
            if (0 in shape) return 0
            var total = dtype.bytes.toLong()
            for (size in shape) {
                total *= size
                if (total > Int.MAX_VALUE) return null
            }
            return total.toInt()
        }

        /** Returns tensors of one shape, one after another along the first axis. */
        internal fun concatenated(parts: List<Tensor>): Tensor {
            val first = parts[0]
            val result = zeros(first.dtype, listOf(parts.sumOf { it.shape[0] }) + first.shape.drop(1))
            val target = result.bytes.duplicate()
            for (part in parts) target.put(part.buffer())
            return result
        }
    }
}
