package edge.runner

import edge.family.Runtime
import edge.family.tflite.TfliteRuntime

/** The runtimes of an app that has TFLite alone. */
internal fun runtimes(): List<Runtime> = listOf(TfliteRuntime())
