package edge.family.tflite

import edge.family.Runner
import edge.family.ThisDevice
import java.io.File
import kotlin.system.exitProcess

/** A process of its own that runs a request folder, and dies in the item of w0.25. */
fun main(arguments: Array<String>) {
    val finished = Runner(listOf(CrashingOnce()), ThisDevice.facts(emptyList())).run(File(arguments[0]))
    exitProcess(if (finished) 0 else 1)
}
