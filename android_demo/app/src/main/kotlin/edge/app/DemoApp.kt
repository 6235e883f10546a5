package edge.app

import android.app.Application
import android.media.AudioManager
import android.os.Handler
import android.os.Looper
import edge.family.android.AndroidDevice
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
        val runtimes = runtimes()
        return Session(
            store = FamilyStore(assets::open, File(filesDir, "families")),
            runtimes = runtimes,
            facts = { AndroidDevice.facts(runtimes) },
            phone = { AndroidDevice.state(this) },
            work = WORK,
            main = Executor { handler.post(it) },
            decode = SongReader(this)::read,
            bundled = { assets.open("song.wav") },
            speaker = TrackSpeaker(getSystemService(AudioManager::class.java)),
            folder = filesDir,
            scratch = cacheDir,
        )
    }

    private companion object {
        /** One thread for all sessions: a process holds one member at a time. */
        val WORK: Executor = Executors.newSingleThreadExecutor { Thread(it, "work").apply { isDaemon = true } }
    }
}
