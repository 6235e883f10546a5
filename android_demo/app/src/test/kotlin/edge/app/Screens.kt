package edge.app

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Looper
import android.os.SystemClock
import android.view.MotionEvent
import android.view.View
import java.io.File
import org.junit.Assert.assertTrue
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** The app that the test runs in. */
internal val demo: DemoApp get() = RuntimeEnvironment.getApplication() as DemoApp

/** Lets the main thread work until the session is as [condition] says; fails after two minutes. */
internal fun await(what: String, condition: (State) -> Boolean): State {
    val end = System.nanoTime() + 120_000_000_000L
    while (true) {
        shadowOf(Looper.getMainLooper()).idle()
        val state = demo.session.state
        if (condition(state)) return state
        state.trouble?.let { throw AssertionError("no $what", it) }
        assertTrue("no $what: $state", System.nanoTime() < end)
        Thread.sleep(5)
    }
}

/** Draws a stroke in [view] as a finger does. The points are shares of the view. */
internal fun draw(activity: Activity, view: View, points: List<Pair<Float, Float>>) {
    shadowOf(Looper.getMainLooper()).idle() // a panel that has just been shown gets its place
    assertTrue("the view has no place", view.width > 0)
    val place = IntArray(2).also { view.getLocationInWindow(it) }
    val start = SystemClock.uptimeMillis()
    fun send(action: Int, point: Pair<Float, Float>, index: Int) {
        val x = place[0] + point.first * view.width
        val y = place[1] + point.second * view.height
        val event = MotionEvent.obtain(start, start + 10L * index, action, x, y, 0)
        activity.window.decorView.dispatchTouchEvent(event)
        event.recycle()
    }
    send(MotionEvent.ACTION_DOWN, points[0], 0)
    points.forEachIndexed { index, point -> send(MotionEvent.ACTION_MOVE, point, index + 1) }
    send(MotionEvent.ACTION_UP, points.last(), points.size + 1)
    shadowOf(Looper.getMainLooper()).idle()
}

/** Draws what the activity shows into `target/screenshots/NAME.png`. */
internal fun screenshot(activity: Activity, name: String): Bitmap {
    shadowOf(Looper.getMainLooper()).idle()
    val view = activity.window.decorView
    view.jumpDrawablesToCurrentState() // a tab is drawn as it is at last, not on the way there
    val bitmap = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
    view.draw(Canvas(bitmap))
    val file = File(System.getProperty("screenshots"), "$name.png")
    file.parentFile!!.mkdirs()
    file.outputStream().use { assertTrue(bitmap.compress(Bitmap.CompressFormat.PNG, 100, it)) }
    return bitmap
}
