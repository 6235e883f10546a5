package androidx.test.platform.app

import android.app.Instrumentation
import android.os.Bundle

public object InstrumentationRegistry {
    private var instance: Instrumentation? = null
    private var arguments = Bundle()

    @JvmStatic
    public fun registerInstance(instrumentation: Instrumentation?, given: Bundle?) {
        instance = instrumentation
        arguments = given ?: Bundle()
    }

    @JvmStatic
    public fun getInstrumentation(): Instrumentation = checkNotNull(instance) { "no instrumentation registered" }

    @JvmStatic
    public fun getArguments(): Bundle = arguments
}
