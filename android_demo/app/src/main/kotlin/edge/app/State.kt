package edge.app

import edge.family.Benchmark
import edge.family.Pick

/** The app's three screens. */
internal enum class Screen { SONG, DIGIT, MEMBERS }

/** A song that was read. [source]: null is the bundled one. */
internal class Song(val source: String?, val name: String, val playback: Playback) {
    val stems: Stems get() = playback.stems
    val peaks: FloatArray = peaks(stems.mixture, PEAKS)

    private companion object {
        const val PEAKS = 400
    }
}

/** What a drawing was read as: the share of each label, in the family's order, and the member that read it. */
internal data class Reading(val choice: Choice, val labels: List<String>, val shares: List<Float>) {
    val best: Int get() = shares.indices.maxByOrNull { shares[it] } ?: 0
}

/** A measured artifact of the family [family]. */
internal data class Measured(val family: String, val row: Benchmark.Row, val bytes: Long, val callMs: Double?)

/**
 * All that the screen shows. Immutable.
 *
 * @property step The place of the budget's slider.
 * @property songPick What the picker says for the separator; null: not yet.
 * @property isReading Whether a song is being read from its file.
 * @property measuring What is being measured; null: nothing.
 * @property trouble What went wrong last.
 */
internal data class State(
    val screen: Screen = Screen.SONG,
    val step: Int = Budgets.FIRST,
    val songPick: Pick? = null,
    val digitPick: Pick? = null,
    val song: Song? = null,
    val isReading: Boolean = false,
    val isSeparating: Boolean = false,
    val progress: Progress? = null,
    val isPlaying: Boolean = false,
    val reading: Reading? = null,
    val measured: List<Measured> = emptyList(),
    val measuring: String? = null,
    val trouble: AppException? = null,
) {
    /** The pick of the family that the screen is about. */
    val pick: Pick? get() = if (screen == Screen.DIGIT) digitPick else songPick
}
