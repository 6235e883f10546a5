package edge.runner

import android.app.ActivityManager
import android.app.IActivityManager
import android.app.IInstrumentationWatcher
import android.app.Instrumentation
import android.content.ComponentName
import android.content.Context
import android.os.Bundle
import android.os.IBinder
import android.os.Looper
import java.lang.reflect.Proxy
import java.util.concurrent.ArrayBlockingQueue
import java.util.concurrent.TimeUnit
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.util.ReflectionHelpers

/** Plays the system's part: attaches the instrumentation, starts the activity that it asks for, prints what it sends. */
@RunWith(RobolectricTestRunner::class)
public class AmInstrument {
    private val finished = ArrayBlockingQueue<Pair<Int, Bundle>>(1)

    @Test
    public fun instrument() {
        val words = System.getProperty(WORDS).orEmpty().split('\n')
        val component = ComponentName.unflattenFromString(words.last())!!
        val arguments = Bundle()
        for ((place, word) in words.withIndex()) if (word == "-e") arguments.putString(words[place + 1], words[place + 2])
        takeResult()
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
        init.invoke(instrumentation, activityThread(), context, context, component, Watcher(), null)
    }

    private fun activityThread(): Any {
        val thread = RuntimeEnvironment.getActivityThread()
        val profiler = Class.forName("android.app.ActivityThread\$Profiler").getDeclaredConstructor()
        profiler.isAccessible = true
        ReflectionHelpers.setField(thread, "mProfiler", profiler.newInstance())
        return thread
    }

    /** Takes what `finish` tells the system. */
    private fun takeResult() {
        val system = ActivityManager.getService()
        val type = IActivityManager::class.java
        val proxy = Proxy.newProxyInstance(type.classLoader, arrayOf(type)) { _, method, arguments ->
            if (method.name == "finishInstrumentation") finished.put(arguments[1] as Int to arguments[2] as Bundle)
            if (method.name == "finishInstrumentation") null else method.invoke(system, *arguments.orEmpty())
        }
        val singleton = ReflectionHelpers.getStaticField<Any>(ActivityManager::class.java, "IActivityManagerSingleton")
        ReflectionHelpers.setField(singleton, "mInstance", proxy)
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
