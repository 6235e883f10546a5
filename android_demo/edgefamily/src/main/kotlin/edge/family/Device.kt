package edge.family

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** What may slow a device down, at one moment. Null: the device does not say. */
@Serializable
public data class DeviceState(
    @SerialName("temperature_c") val temperatureC: Double? = null,
    @SerialName("thermal_status") val thermalStatus: Int? = null,
    @SerialName("battery_percent") val batteryPercent: Double? = null,
    val charging: Boolean? = null,
    val governors: List<String> = emptyList(),
    @SerialName("frequencies_khz") val frequenciesKhz: List<Int> = emptyList(),
    val load: Double? = null,
    @SerialName("screen_on") val screenOn: Boolean? = null,
)

/**
 * What a device says of itself; the content of `device.json`.
 *
 * @property model What its owner calls it; on Android `Build.MODEL`.
 * @property soc On Android `Build.SOC_MODEL`.
 * @property runtimes The versions of its runtimes, by format. Empty: any format may be picked.
 * @property emulated Whether the processor is emulated: then no time is a latency.
 */
@Serializable
public data class DeviceFacts(
    val schema: String = Manifest.SCHEMA,
    val runner: String = RUNNER,
    val model: String = "unknown",
    val soc: String = "",
    val os: String = "",
    val arch: String = "",
    val cores: Int? = null,
    @SerialName("memory_bytes") val memoryBytes: Long? = null,
    val runtimes: Map<String, String> = emptyMap(),
    val emulated: Boolean = false,
    val before: DeviceState = DeviceState(),
    val after: DeviceState? = null,
)

internal const val RUNNER = "edgefamily 1.0"
