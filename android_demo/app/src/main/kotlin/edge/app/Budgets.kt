package edge.app

import kotlin.math.pow

/** The slider of the latency budget: [STEPS] steps from 0.02 ms to 50 ms a call, each longer by the same factor. */
internal object Budgets {
    const val STEPS = 100
    const val FIRST = 60
    private const val LOW = 0.02
    private const val HIGH = 50.0

    fun milliseconds(step: Int): Double = LOW * (HIGH / LOW).pow(step.coerceIn(0, STEPS) / STEPS.toDouble())
}
