package edge.app

import android.content.res.Resources
import edge.family.Fits
import edge.family.Pick
import java.util.Locale

/** Puts what the app knows into words. */
internal class Texts(private val resources: Resources) {
    fun trouble(error: AppException): String {
        val text = resources.getString(TROUBLES.getValue(error.trouble))
        return if (error.detail.isEmpty()) text else resources.getString(R.string.with_detail, text, error.detail)
    }

    /** The member that is picked, and the rule that decided. */
    fun pick(pick: Pick?): String {
        if (pick == null) return resources.getString(R.string.pick_none)
        val rule = pick.rules.firstOrNull()?.rule ?: "smallest"
        val why = resources.getString(RULES[rule] ?: R.string.rule_smallest)
        val fits = resources.getString(
            when (pick.fits) {
                Fits.YES -> R.string.fits_yes
                Fits.NO -> R.string.fits_no
                Fits.UNKNOWN -> R.string.fits_unknown
            },
        )
        return resources.getString(R.string.pick, pick.member, pick.artifact, fits, why)
    }

    fun budget(step: Int): String = resources.getString(R.string.budget_value, milliseconds(Budgets.milliseconds(step)))

    fun milliseconds(value: Double?): String = value?.let { number(it) } ?: NONE

    fun megabytes(bytes: Long?): String = bytes?.let { number(it / 1e6) } ?: NONE

    fun percent(share: Float): String = resources.getString(R.string.percent, Math.round(100 * share))

    fun time(seconds: Double): String =
        String.format(Locale.getDefault(), "%d:%02d", seconds.toInt() / 60, seconds.toInt() % 60)

    /** Three digits, such as 0.0512, 3.07 or 128. */
    fun number(value: Double): String {
        val decimals = when {
            value >= 100 -> 0
            value >= 10 -> 1
            value >= 1 -> 2
            value >= 0.1 -> 3
            else -> 4
        }
        return String.format(Locale.getDefault(), "%.${decimals}f", value)
    }

    private companion object {
        const val NONE = "–"
        val TROUBLES = mapOf(
            Trouble.NO_SPACE to R.string.trouble_no_space,
            Trouble.UNREADABLE to R.string.trouble_unreadable,
            Trouble.NOT_A_SOUND to R.string.trouble_not_a_sound,
            Trouble.DECODER to R.string.trouble_decoder,
            Trouble.EMPTY to R.string.trouble_empty,
            Trouble.TOO_LONG to R.string.trouble_too_long,
            Trouble.DAMAGED to R.string.trouble_damaged,
            Trouble.RUNTIME to R.string.trouble_runtime,
            Trouble.BUSY to R.string.trouble_busy,
        )
        val RULES = mapOf(
            "model" to R.string.rule_model,
            "prefix" to R.string.rule_prefix,
            "calibration" to R.string.rule_calibration,
            "smallest" to R.string.rule_smallest,
        )
    }
}
