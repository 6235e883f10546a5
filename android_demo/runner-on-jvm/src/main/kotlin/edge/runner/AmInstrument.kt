package edge.runner

import android.app.ActivityThread
import android.app.IInstrumentationWatcher
import android.app.Instrumentation
import android.content.ComponentName
import android.content.Context
import android.os.Bundle
import android.os.IBinder
import android.os.Looper
import java.util.concurrent.ArrayBlockingQueue
import java.util.concurrent.TimeUnit
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadows.ShadowActivityThread

/** What the instrumentation gave to its `finish`. */
private val finished = ArrayBlockingQueue<Pair<Int, Bundle>>(1)

/** Plays the system's part: attaches the instrumentation, starts the activity that it asks for, prints what it sends. */
@RunWith(RobolectricTestRunner::class)
@Config(shadows = [EndOfInstrumentation::class])
public class AmInstrument {
    @Test
    public fun instrument() {
        val words = System.getProperty(WORDS).orEmpty().split('\n')
        val component = ComponentName.unflattenFromString(words.last())!!
        val arguments = Bundle()
        for ((place, word) in words.withIndex()) if (word == "-e") arguments.putString(words[place + 1], words[place + 2])
        val instrumentation = Class.forName(component.className).getConstructor().newInstance() as Instrumentation
        attach(instrumentation, component)
        instrumentation.onCreate(arguments)
        while (true) {
            shadowOf(Looper.getMainLooper()).idle()
            startAskedFor()
            val (code, result) = finished.poll(10, TimeUnit.MILLISECONDS) ?: continue
            print("INSTRUMENTATION_RESULT", result)
            println("INSTRUMENTATION_CODE: $code")
            return
        }
    }

    /** As the system does it, by the method that apps don't see. */
    private fun attach(instrumentation: Instrumentation, component: ComponentName) {
        val context: Context = RuntimeEnvironment.getApplication()
        val init = Instrumentation::class.java.declaredMethods.single { it.name == "init" && it.parameterCount == 6 }
        init.isAccessible = true
        init.invoke(instrumentation, RuntimeEnvironment.getActivityThread(), context, context, component, Watcher(), null)
    }

    private fun startAskedFor() {
        val intent = shadowOf(RuntimeEnvironment.getApplication()).nextStartedActivity ?: return
        @Suppress("UNCHECKED_CAST")
        val type = Class.forName(intent.component!!.className) as Class<out android.app.Activity>
        Robolectric.buildActivity(type, intent).setup()
    }

    private inner class Watcher : IInstrumentationWatcher {
        override fun instrumentationStatus(name: ComponentName?, code: Int, status: Bundle) {
            print("INSTRUMENTATION_STATUS", status)
            println("INSTRUMENTATION_STATUS_CODE: $code")
        }

        override fun instrumentationFinished(name: ComponentName?, code: Int, result: Bundle?) = Unit

        override fun asBinder(): IBinder? = null
    }

    private fun print(kind: String, bundle: Bundle) {
        for (key in bundle.keySet().sorted()) println("$kind: $key=${bundle.getString(key)}")
    }
}

/** Takes what `finish` tells the system: Robolectric's own system forgets it. */
@Implements(value = ActivityThread::class, isInAndroidSdk = false)
public class EndOfInstrumentation : ShadowActivityThread() {
    @Implementation
    protected fun finishInstrumentation(code: Int, result: Bundle?) {
        finished.put(code to (result ?: Bundle()))
    }
}
