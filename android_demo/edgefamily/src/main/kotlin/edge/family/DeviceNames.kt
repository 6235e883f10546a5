package edge.family

/**
 * Returns a device's name for comparison: "SM-S918B" and "sm s918b" are the same.
 *
 * ASCII letters become lower case, every run of other ASCII characters than letters and digits one space, none at the
 * ends. Characters beyond ASCII stay.
 */
internal fun normalized(name: String): String {
    val kept = name.map { c ->
        when {
            c in 'A'..'Z' -> c + 32
            c in 'a'..'z' || c in '0'..'9' || c.code > 127 -> c
            else -> ' '
        }
    }
    return kept.joinToString("").split(' ').filter { it.isNotEmpty() }.joinToString(" ")
}

/**
 * Returns the prefix that two names share, if it tells a kind of device; otherwise "".
 *
 * It never cuts a number in two, and it holds a digit or is all of both names: "pixel 8" is a kind, "pixel" is not.
 */
internal fun commonPrefix(a: String, b: String): String {
    val first = normalized(a)
    val second = normalized(b)
    var prefix = first.commonPrefixWith(second)
    val cutsNumber = listOf(first, second).any { it.getOrNull(prefix.length) in DIGITS }
    if (cutsNumber) prefix = prefix.trimEnd(*DIGITS.toCharArray())
    prefix = prefix.trimEnd(' ')
    val isKind = prefix.any { it in DIGITS } || (prefix == first && prefix == second)
    return if (isKind) prefix else ""
}

private const val DIGITS = "0123456789"

private operator fun String.contains(c: Char?): Boolean = c != null && indexOf(c) >= 0
