package edge.app

import edge.family.FamilyException
import java.io.IOException

/** What can go wrong, as a user is told it; `Texts` has the words. */
internal enum class Trouble {
    NO_SPACE,
    UNREADABLE,
    NOT_A_SOUND,
    DECODER,
    EMPTY,
    TOO_LONG,
    DAMAGED,
    RUNTIME,
    BUSY,
}

/** A [trouble] with a [detail] in the words of what failed; it may be empty. */
internal class AppException(val trouble: Trouble, val detail: String = "", cause: Throwable? = null) :
    Exception("$trouble $detail".trim(), cause)

/** Returns any error of the app's work as what a user is told. */
internal fun troubleOf(error: Throwable): AppException {
    val detail = error.message ?: error.javaClass.simpleName
    val chain = generateSequence(error) { it.cause }.take(8)
    return when {
        error is AppException -> error
        chain.any { isFull(it) } -> AppException(Trouble.NO_SPACE, "", error)
        error is OutOfMemoryError -> AppException(Trouble.TOO_LONG, "", error)
        error is FamilyException -> AppException(Trouble.RUNTIME, detail, error)
        error is IOException || error is SecurityException -> AppException(Trouble.UNREADABLE, detail, error)
        else -> AppException(Trouble.RUNTIME, detail, error)
    }
}

private fun isFull(error: Throwable): Boolean =
    error.message.orEmpty().let { "ENOSPC" in it || "No space left" in it }
