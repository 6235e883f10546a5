package edge.app

import kotlin.math.floor
import kotlin.math.hypot

/** A drawing: strokes of points (x, y) in units of the field, one after another. */
internal class Ink {
    private val strokes = ArrayList<ArrayList<Float>>()

    val isEmpty: Boolean get() = strokes.isEmpty()

    fun begin(x: Float, y: Float) {
        strokes += arrayListOf(x, y)
    }

    fun to(x: Float, y: Float) {
        strokes.lastOrNull()?.apply { add(x); add(y) } ?: begin(x, y)
    }

    fun clear() = strokes.clear()

    /** The strokes as arrays x0, y0, x1, y1 …, to draw and to keep. */
    fun lines(): List<FloatArray> = strokes.map { it.toFloatArray() }

    fun restore(lines: List<FloatArray>) {
        strokes.clear()
        lines.filter { it.size >= 2 && it.size % 2 == 0 }.mapTo(strokes) { ArrayList(it.toList()) }
    }

    /**
     * Returns the drawing as the digits of the training set are: 32 × 32 dots, as high as the digit, ink counted
     * in 8 × 8 fields, and these interpolated to `height` × `width`, bright on dark, in 0..1.
     */
    fun image(height: Int, width: Int): FloatArray {
        val fields = fields(bitmap())
        return FloatArray(height * width) { place ->
            val y = ((place / width + 0.5f) * FIELDS / height - 0.5f).coerceAtLeast(0f)
            val x = ((place % width + 0.5f) * FIELDS / width - 0.5f).coerceAtLeast(0f)
            val top = floor(y).toInt()
            val left = floor(x).toInt()
            fun at(row: Int, column: Int) = fields[minOf(row, FIELDS - 1) * FIELDS + minOf(column, FIELDS - 1)]
            val upper = at(top, left) + (x - left) * (at(top, left + 1) - at(top, left))
            val lower = at(top + 1, left) + (x - left) * (at(top + 1, left + 1) - at(top + 1, left))
            upper + (y - top) * (lower - upper)
        }
    }

    private fun bitmap(): BooleanArray {
        val bits = BooleanArray(DOTS * DOTS)
        if (isEmpty) return bits
        val xs = strokes.flatMap { stroke -> stroke.filterIndexed { index, _ -> index % 2 == 0 } }
        val ys = strokes.flatMap { stroke -> stroke.filterIndexed { index, _ -> index % 2 == 1 } }
        val wide = xs.max() - xs.min()
        val high = ys.max() - ys.min()
        val inner = DOTS - PEN
        val scale = minOf(inner / maxOf(high, 1e-6f), (WIDTH - PEN) / maxOf(wide, 1e-6f))
        val middleX = (xs.max() + xs.min()) / 2
        val middleY = (ys.max() + ys.min()) / 2
        fun dot(value: Float, middle: Float) = (value - middle) * scale + DOTS / 2f
        for (stroke in strokes) {
            for (index in stroke.indices step 2) {
                val next = if (index + 3 < stroke.size) index + 2 else index
                val x0 = dot(stroke[index], middleX)
                val y0 = dot(stroke[index + 1], middleY)
                val x1 = dot(stroke[next], middleX)
                val y1 = dot(stroke[next + 1], middleY)
                for (place in bits.indices) {
                    val x = place % DOTS + 0.5f
                    val y = place / DOTS + 0.5f
                    if (distance(x, y, x0, y0, x1, y1) <= PEN / 2) bits[place] = true
                }
            }
        }
        return bits
    }

    private fun fields(bits: BooleanArray): FloatArray {
        val each = DOTS / FIELDS
        val sums = FloatArray(FIELDS * FIELDS)
        for (place in bits.indices) {
            if (bits[place]) sums[place / DOTS / each * FIELDS + place % DOTS / each] += 1f / (each * each)
        }
        return sums
    }

    private fun distance(x: Float, y: Float, x0: Float, y0: Float, x1: Float, y1: Float): Float {
        val dx = x1 - x0
        val dy = y1 - y0
        val length = dx * dx + dy * dy
        val t = if (length == 0f) 0f else (((x - x0) * dx + (y - y0) * dy) / length).coerceIn(0f, 1f)
        return hypot(x - x0 - t * dx, y - y0 - t * dy)
    }

    private companion object {
        const val DOTS = 32
        const val FIELDS = 8
        const val WIDTH = 26f
        const val PEN = 4.5f
    }
}
