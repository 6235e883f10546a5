package edge.app

import android.app.Application
import android.os.Build
import android.os.Handler
import android.os.Looper
import edge.family.ThisDevice
import edge.family.tflite.TfliteRuntime
import java.io.File
import java.util.concurrent.Executor
import java.util.concurrent.Executors

/** Holds the session, which lives as long as the process. */
public class DemoApp : Application() {
    private var current: Session? = null

    internal val session: Session
        get() = current ?: newSession().also { current = it }

    /** Ends the session; the next activity begins another one. */
    internal fun endSession() {
        current?.close()
        current = null
    }

    private fun newSession(): Session {
        val handler = Handler(Looper.getMainLooper())
        val runtimes = listOf(TfliteRuntime())
        val soc = if (Build.VERSION.SDK_INT >= 31) Build.SOC_MODEL else Build.HARDWARE
        return Session(
            store = FamilyStore(assets::open, File(filesDir, "families")),
            runtimes = runtimes,
            facts = { ThisDevice.facts(runtimes, "${Build.MANUFACTURER} ${Build.MODEL}", soc) },
            work = WORK,
            main = Executor { handler.post(it) },
            decode = SongReader(this)::read,
            bundled = { assets.open("song.wav") },
            speaker = TrackSpeaker(),
            folder = filesDir,
            scratch = cacheDir,
        )
    }

    private companion object {
        /** One thread for all sessions: a process holds one member at a time. */
        val WORK: Executor = Executors.newSingleThreadExecutor { Thread(it, "work").apply { isDaemon = true } }
    }
}
