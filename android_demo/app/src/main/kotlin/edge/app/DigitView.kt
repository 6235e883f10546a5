package edge.app

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View

/** A square field to draw a digit in with the finger. */
public class DigitView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val pen = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeCap = Paint.Cap.ROUND
        strokeJoin = Paint.Join.ROUND
        color = context.getColor(R.color.ink)
    }
    private val paper = Paint().apply { color = context.getColor(R.color.paper) }
    private val path = Path()

    internal var ink: Ink = Ink()

    /** Called when a stroke ends. */
    internal var onStroke: () -> Unit = {}

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val side = minOf(MeasureSpec.getSize(widthMeasureSpec), resources.getDimensionPixelSize(R.dimen.field))
        setMeasuredDimension(side, side)
    }

    override fun onDraw(canvas: Canvas) {
        canvas.drawRect(0f, 0f, width.toFloat(), height.toFloat(), paper)
        pen.strokeWidth = width / 14f
        for (line in ink.lines()) {
            path.reset()
            path.moveTo(line[0] * width, line[1] * height)
            for (index in line.indices step 2) path.lineTo(line[index] * width, line[index + 1] * height)
            canvas.drawPath(path, pen)
        }
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        val x = event.x / width
        val y = event.y / height
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> {
                parent.requestDisallowInterceptTouchEvent(true) // a page that scrolls would take the stroke
                ink.begin(x, y)
            }
            MotionEvent.ACTION_MOVE -> {
                for (index in 0 until event.historySize) {
                    ink.to(event.getHistoricalX(index) / width, event.getHistoricalY(index) / height)
                }
                ink.to(x, y)
            }
            MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> {
                if (event.actionMasked == MotionEvent.ACTION_UP) performClick()
                onStroke()
            }
            else -> return false
        }
        invalidate()
        return true
    }
}
