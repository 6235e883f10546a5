package edge.runner

import kotlin.system.exitProcess
import org.junit.runner.JUnitCore

/** The words of `am instrument`, for [AmInstrument], which Robolectric makes. */
internal const val WORDS = "am.words"

/** Does `am`'s `instrument -r -w [-e KEY VALUE …] COMPONENT` on this machine, with Robolectric for Android. */
public fun main(words: Array<String>) {
    System.setProperty(WORDS, words.joinToString("\n"))
    val result = JUnitCore.runClasses(AmInstrument::class.java)
    result.failures.forEach { System.err.println(it.trace) }
    exitProcess(if (result.wasSuccessful()) 0 else 1)
}
