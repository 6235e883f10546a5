package edge.app

import android.content.ContentProvider
import android.content.ContentValues
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/** Gives a family's measured `perf.json` to the app that the user shares it with: `content://…/NAME/perf.json`. */
public class PerfProvider : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun getType(uri: Uri): String = TYPE

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw FileNotFoundException("$uri can only be read")
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY)
    }

    override fun query(
        uri: Uri,
        projection: Array<String>?,
        selection: String?,
        selectionArgs: Array<String>?,
        sortOrder: String?,
    ): Cursor {
        val columns = projection ?: arrayOf(OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE)
        val cursor = MatrixCursor(columns)
        val file = file(uri)
        cursor.addRow(
            columns.map {
                when (it) {
                    OpenableColumns.DISPLAY_NAME -> NAME
                    OpenableColumns.SIZE -> file.length()
                    else -> null
                }
            },
        )
        return cursor
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun update(uri: Uri, values: ContentValues?, selection: String?, selectionArgs: Array<String>?): Int = 0

    override fun delete(uri: Uri, selection: String?, selectionArgs: Array<String>?): Int = 0

    private fun file(uri: Uri): File {
        val segments = uri.pathSegments
        val isValid = segments.size == 2 && segments[1] == NAME && FAMILY.matches(segments[0])
        val file = File(context!!.filesDir, "perf-${segments.firstOrNull()}.json")
        if (!isValid || !file.exists()) throw FileNotFoundException("$uri is not there")
        return file
    }

    internal companion object {
        const val TYPE = "application/json"
        private const val NAME = "perf.json"
        private val FAMILY = Regex("[A-Za-z0-9_][A-Za-z0-9_-]*")

        /** The address of what [Session.perfFiles] gave. */
        fun uri(packageName: String, file: File): Uri {
            val family = file.name.removePrefix("perf-").removeSuffix(".json")
            return Uri.parse("content://$packageName.perf/$family/$NAME")
        }
    }
}
