package edge.app

import android.graphics.Typeface
import android.view.Gravity
import android.view.View
import android.widget.TableLayout
import android.widget.TableRow
import android.widget.TextView

/** The table of all members that were measured on this phone. */
internal class MembersTable(private val table: TableLayout, private val texts: Texts) {
    private var shown: List<Measured>? = null

    fun show(rows: List<Measured>) {
        if (rows == shown) return
        shown = rows
        table.removeAllViews()
        table.visibility = if (rows.isEmpty()) View.GONE else View.VISIBLE
        val context = table.context
        row(HEADS.map { context.getString(it) }, isHead = true)
        for (measured in rows) {
            val found = measured.row
            if (found.reason.isNotEmpty()) {
                row(listOf(found.member, found.reason), isHead = false)
                continue
            }
            val factor = measured.callMs?.let { call -> found.medianMs?.let { texts.number(it / call) } } ?: ""
            val time = texts.milliseconds(found.medianMs)
            row(
                listOf(
                    found.member,
                    if (found.noisy) context.getString(R.string.noisy, time) else time,
                    texts.milliseconds(found.p90Ms),
                    factor,
                    texts.milliseconds(found.loadMs),
                    texts.megabytes(found.peakMemoryBytes),
                    texts.megabytes(measured.bytes),
                ),
                isHead = false,
            )
        }
    }

    private fun row(cells: List<String>, isHead: Boolean) {
        val context = table.context
        val row = TableRow(context)
        val space = context.resources.getDimensionPixelSize(R.dimen.cell)
        for ((index, text) in cells.withIndex()) {
            val cell = TextView(context)
            cell.text = text
            cell.setPaddingRelative(0, space, 2 * space, space)
            cell.gravity = if (index == 0) Gravity.START else Gravity.END
            if (isHead) cell.setTypeface(cell.typeface, Typeface.BOLD)
            row.addView(cell)
        }
        table.addView(row)
    }

    private companion object {
        val HEADS = listOf(
            R.string.head_member, R.string.head_median, R.string.head_p90, R.string.head_factor, R.string.head_load,
            R.string.head_memory, R.string.head_file,
        )
    }
}
