package edge.app

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ProgressBar
import android.widget.TextView

/** What a drawing is, and how sure the member is of each label. */
internal class SharesList(private val list: ViewGroup, private val texts: Texts) {
    fun show(reading: Reading?) {
        val label = (list.parent as View).findViewById<TextView>(R.id.label)
        if (reading == null) {
            label.text = list.context.getString(R.string.draw)
            list.visibility = View.GONE
            return
        }
        list.visibility = View.VISIBLE
        label.text = list.context.getString(
            R.string.label, reading.labels[reading.best], texts.percent(reading.shares[reading.best]),
        )
        while (list.childCount > reading.labels.size) list.removeViewAt(list.childCount - 1)
        while (list.childCount < reading.labels.size) {
            LayoutInflater.from(list.context).inflate(R.layout.share, list, true)
        }
        for ((index, name) in reading.labels.withIndex()) {
            val row = list.getChildAt(index)
            val percent = texts.percent(reading.shares[index])
            row.findViewById<TextView>(R.id.share_label).text = name
            row.findViewById<TextView>(R.id.share_percent).text = percent
            row.findViewById<ProgressBar>(R.id.share_bar).progress = Math.round(1000 * reading.shares[index])
            row.contentDescription = list.context.getString(R.string.share_of, name, percent)
        }
    }
}
