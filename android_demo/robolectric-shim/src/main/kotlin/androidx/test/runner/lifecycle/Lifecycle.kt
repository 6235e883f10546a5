package androidx.test.runner.lifecycle

import android.app.Activity

public enum class Stage { PRE_ON_CREATE, CREATED, STARTED, RESUMED, PAUSED, STOPPED, RESTARTED, DESTROYED }

public enum class ApplicationStage { PRE_ON_CREATE, CREATED }

public fun interface ActivityLifecycleCallback {
    public fun onActivityLifecycleChanged(activity: Activity, stage: Stage)
}

public interface ActivityLifecycleMonitor {
    public fun addLifecycleCallback(callback: ActivityLifecycleCallback)

    public fun removeLifecycleCallback(callback: ActivityLifecycleCallback)

    public fun getLifecycleStageOf(activity: Activity): Stage

    public fun getActivitiesInStage(stage: Stage): Collection<Activity>
}

public interface ApplicationLifecycleMonitor

public object ActivityLifecycleMonitorRegistry {
    private var registered: ActivityLifecycleMonitor? = null

    @JvmStatic
    public fun registerInstance(monitor: ActivityLifecycleMonitor?) {
        registered = monitor
    }

    @JvmStatic
    public fun getInstance(): ActivityLifecycleMonitor = checkNotNull(registered) { "no monitor registered" }
}

public object ApplicationLifecycleMonitorRegistry {
    private var registered: ApplicationLifecycleMonitor? = null

    @JvmStatic
    public fun registerInstance(monitor: ApplicationLifecycleMonitor?) {
        registered = monitor
    }
}
