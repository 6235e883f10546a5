package edge.runner

import edge.family.Runtime
import edge.family.executorch.ExecuTorchRuntime
import edge.family.tflite.TfliteRuntime

/** The runtimes of an app that has TFLite and ExecuTorch. */
internal fun runtimes(): List<Runtime> = listOf(TfliteRuntime(), ExecuTorchRuntime("1.4.0"))
