package edge.family

/**
 * What is wrong with a bundle, a request, a file or a call, in one line: what, where, what to do.
 *
 * It is the only exception that this library throws for what it reads and runs. A programming error, such as a call of
 * an engine that is closed, is an [IllegalStateException].
 */
public open class FamilyException(message: String, cause: Throwable? = null) : Exception(message, cause)

/** No runtime here runs a file: its format has none, or the runtime lacks an operator. */
public class UnsupportedException(message: String, cause: Throwable? = null) : FamilyException(message, cause)

/** Throws a [FamilyException] with what [message] returns, unless [condition] holds. */
internal inline fun demand(condition: Boolean, message: () -> String) {
    if (!condition) throw FamilyException(message())
}

/** Returns [text] as one line of printable characters, at most [limit] long. */
internal fun oneLine(text: String, limit: Int = 400): String {
    val words = text.split(Regex("\\s+")).filter { it.isNotEmpty() }.joinToString(" ")
    val line = words.map { if (it.isISOControl() || it.isSurrogate()) '?' else it }.joinToString("")
    return if (line.length <= limit) line else line.take(limit - 1) + "…"
}
