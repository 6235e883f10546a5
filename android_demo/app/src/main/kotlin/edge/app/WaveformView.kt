package edge.app

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View

/** The peaks of a song, what is separated of it, and the place that is heard. A touch goes there. */
public class WaveformView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private var peaks = FloatArray(0)
    private var ready = 0f
    private var place = 0f
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply { strokeCap = Paint.Cap.ROUND }
    private val strong = context.getColor(R.color.accent)
    private val weak = context.getColor(R.color.weak)
    private val mark = context.getColor(R.color.mark)

    internal var onSeek: (Float) -> Unit = {}

    internal fun show(peaks: FloatArray, ready: Float, place: Float) {
        this.peaks = peaks
        this.ready = ready
        this.place = place
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val middle = height / 2f
        line.strokeWidth = maxOf(1f, width / (1.6f * maxOf(1, peaks.size)))
        for ((index, peak) in peaks.withIndex()) {
            val share = (index + 0.5f) / peaks.size
            line.color = if (share <= ready) strong else weak
            val half = maxOf(1f, peak * middle * 0.95f)
            canvas.drawLine(share * width, middle - half, share * width, middle + half, line)
        }
        if (peaks.isEmpty()) return
        line.color = mark
        line.strokeWidth = 2 * resources.displayMetrics.density
        canvas.drawLine(place * width, 0f, place * width, height.toFloat(), line)
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (peaks.isEmpty()) return false
        if (event.action == MotionEvent.ACTION_UP) performClick()
        onSeek((event.x / width).coerceIn(0f, 1f))
        return true
    }
}
