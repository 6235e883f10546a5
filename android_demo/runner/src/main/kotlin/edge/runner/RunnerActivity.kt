package edge.runner

import android.app.Activity
import android.os.Bundle
import android.view.Gravity
import android.view.WindowManager.LayoutParams
import android.widget.TextView
import java.util.concurrent.CountDownLatch

/** Keeps the app in the foreground while a request runs: a process in the background gets slower cores. */
public class RunnerActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.addFlags(SHOWN)
        setContentView(TextView(this).apply { gravity = Gravity.CENTER; setText(R.string.running) })
    }

    override fun onResume() {
        super.onResume()
        inFront.countDown()
    }

    internal companion object {
        /** Opens once the activity is in front. */
        val inFront = CountDownLatch(1)

        /** Also on a locked phone whose screen is off. Newer phones have methods for it, which Android 8 lacks. */
        @Suppress("DEPRECATION")
        private const val SHOWN = LayoutParams.FLAG_KEEP_SCREEN_ON or LayoutParams.FLAG_TURN_SCREEN_ON or
            LayoutParams.FLAG_SHOW_WHEN_LOCKED
    }
}
