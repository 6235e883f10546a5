package edge.family.android

import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import edge.family.DeviceFacts
import edge.family.DeviceState
import edge.family.Runtime
import edge.family.ThisDevice

/** Marks code that asks for Android's version before it uses what Android 8 lacks: a check of the APK leaves it out. */
@Target(AnnotationTarget.FUNCTION)
internal annotation class AsksForTheVersion

/** What Android tells an app of its phone. Any thread may use it. */
public object AndroidDevice {
    private val EMULATORS = setOf("ranchu", "goldfish", "cutf_cvm")

    /** The facts without a state, in the words of `edge_export`. [runtimes] are tried; broken ones are left out. */
    public fun facts(runtimes: List<Runtime>): DeviceFacts {
        return ThisDevice.facts(runtimes, Build.MODEL, soc()).copy(
            os = "Android ${Build.VERSION.RELEASE} (API ${Build.VERSION.SDK_INT})",
            emulated = Build.HARDWARE in EMULATORS,
        )
    }

    /** What may slow the phone down now. */
    public fun state(context: Context): DeviceState {
        val power = context.getSystemService(PowerManager::class.java)
        val battery = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED))
        fun extra(name: String): Int? = battery?.getIntExtra(name, -1)?.takeIf { it >= 0 }
        val scale = extra(BatteryManager.EXTRA_SCALE)?.takeIf { it > 0 }
        return ThisDevice.state().copy(
            temperatureC = extra(BatteryManager.EXTRA_TEMPERATURE)?.let { it / 10.0 },
            thermalStatus = thermalStatus(power),
            batteryPercent = extra(BatteryManager.EXTRA_LEVEL)?.let { level -> scale?.let { 100.0 * level / it } },
            charging = extra(BatteryManager.EXTRA_PLUGGED)?.let { it != 0 },
            screenOn = power.isInteractive,
        )
    }

    @AsksForTheVersion
    private fun soc(): String = if (Build.VERSION.SDK_INT >= 31) Build.SOC_MODEL else Build.HARDWARE

    @AsksForTheVersion
    private fun thermalStatus(power: PowerManager): Int? =
        if (Build.VERSION.SDK_INT >= 29) power.currentThermalStatus else null
}
