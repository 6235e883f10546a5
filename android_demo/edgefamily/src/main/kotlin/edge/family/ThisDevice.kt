package edge.family

import java.io.File

/** What the system's files tell of this device; an app adds what Android's services know. */
public object ThisDevice {
    /** The facts without a state. [runtimes] are tried; those that don't work are left out. */
    public fun facts(runtimes: List<Runtime>, model: String = "unknown", soc: String = ""): DeviceFacts = DeviceFacts(
        model = model,
        soc = soc,
        os = "${System.getProperty("os.name")} ${System.getProperty("os.version")}",
        arch = System.getProperty("os.arch") ?: "",
        cores = java.lang.Runtime.getRuntime().availableProcessors(),
        memoryBytes = readOrNull("/proc/meminfo")?.lineSequence()?.find { it.startsWith("MemTotal:") }
            ?.split(Regex("\\s+"))?.getOrNull(1)?.toLongOrNull()?.let { 1024 * it },
        runtimes = runtimes.mapNotNull { runtime ->
            try {
                runtime.format to runtimeCall(runtime.format) { runtime.version }
            } catch (_: FamilyException) {
                null
            }
        }.toMap(),
    )

    /** What may slow the device down now, as far as the files of Linux say it. */
    public fun state(): DeviceState {
        val zones = File("/sys/class/thermal").list().orEmpty().filter { it.startsWith("thermal_zone") }
        val temperatures = zones.mapNotNull { number("/sys/class/thermal/$it/temp") }.filter { it in -50_000..200_000 }
        val count = java.lang.Runtime.getRuntime().availableProcessors()
        val cores = (0 until count).map { "/sys/devices/system/cpu/cpu$it/cpufreq" }
        return DeviceState(
            temperatureC = temperatures.maxOrNull()?.let { it / 1000.0 },
            governors = cores.mapNotNull { readOrNull("$it/scaling_governor")?.trim() },
            frequenciesKhz = cores.mapNotNull { number("$it/scaling_cur_freq")?.toInt() },
            load = readOrNull("/proc/loadavg")?.substringBefore(' ')?.toDoubleOrNull(),
        )
    }

    private fun number(path: String): Long? = readOrNull(path)?.trim()?.toLongOrNull()
}
