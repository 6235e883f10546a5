package edge.app

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.ClipData
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.provider.OpenableColumns
import android.view.View
import android.widget.Button
import android.widget.RadioGroup
import android.widget.SeekBar
import android.widget.TextView

/** The one activity: shows the session's state, and tells the session what the user does. */
public class MainActivity : Activity() {
    private lateinit var session: Session
    private lateinit var texts: Texts
    private lateinit var members: MembersTable
    private lateinit var shares: SharesList
    private val ticks = Handler(Looper.getMainLooper())
    private val tick = Runnable { show(session.state) }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        session = (application as DemoApp).session
        texts = Texts(resources)
        setContentView(R.layout.main)
        members = MembersTable(findViewById(R.id.members_table), texts)
        shares = SharesList(findViewById(R.id.shares), texts)
        savedInstanceState?.let { KeptBundle.read(it) }?.let { (kept, lines) -> session.restore(kept, lines) }
        listen()
    }

    override fun onStart() {
        super.onStart()
        session.observe(::show)
    }

    override fun onStop() {
        session.observe(null)
        ticks.removeCallbacks(tick)
        if (!isChangingConfigurations) session.pause()
        super.onStop()
    }

    override fun onDestroy() {
        super.onDestroy()
        if (isFinishing) (application as DemoApp).endSession()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        KeptBundle.write(outState, session.keep(), session.ink.lines())
    }

    @Deprecated("Deprecated in Android; what replaces it is in androidx")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val uri = data?.data
        if (requestCode != PICK_SONG || resultCode != RESULT_OK || uri == null) return
        try {
            contentResolver.takePersistableUriPermission(uri, Intent.FLAG_GRANT_READ_URI_PERMISSION)
        } catch (_: SecurityException) {
            // this provider gives a right for now only: the song can't be opened again after the process ended
        }
        session.openSong(uri.toString(), nameOf(uri))
    }

    private fun listen() {
        findViewById<RadioGroup>(R.id.tabs).setOnCheckedChangeListener { _, id ->
            TABS.entries.find { it.value == id }?.let { if (session.state.screen != it.key) session.show(it.key) }
        }
        slider(R.id.budget) { session.budget(it) }
        findViewById<SeekBar>(R.id.fader).progress = CENTER + (CENTER * session.keep().fader).toInt()
        slider(R.id.fader) { session.fade((it - CENTER) / CENTER.toFloat()) }
        click(R.id.open_song) { pickSong() }
        click(R.id.open_bundled) { session.openSong(null, getString(R.string.bundled_song)) }
        click(R.id.play) { if (session.state.isPlaying) session.pause() else session.play() }
        click(R.id.clear) { session.clearInk() }
        click(R.id.measure) { session.measure() }
        click(R.id.share) { share() }
        findViewById<WaveformView>(R.id.waveform).onSeek = { session.seek(it) }
        val digit = findViewById<DigitView>(R.id.digit)
        digit.ink = session.ink
        digit.onStroke = { session.read() }
    }

    private fun click(id: Int, action: () -> Unit) = findViewById<View>(id).setOnClickListener { action() }

    private fun slider(id: Int, changed: (Int) -> Unit) =
        findViewById<SeekBar>(id).setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
                if (fromUser) changed(progress)
            }

            override fun onStartTrackingTouch(bar: SeekBar) = Unit

            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })

    private fun pickSong() {
        val intent = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("audio/*")
        try {
            @Suppress("DEPRECATION") startActivityForResult(intent, PICK_SONG)
        } catch (_: ActivityNotFoundException) {
            text(R.id.trouble, getString(R.string.no_picker))
        }
    }

    private fun share() {
        val uris = ArrayList(session.perfFiles().map { PerfProvider.uri(packageName, it) })
        if (uris.isEmpty()) return
        val intent = Intent(Intent.ACTION_SEND_MULTIPLE).setType(PerfProvider.TYPE)
            .putParcelableArrayListExtra(Intent.EXTRA_STREAM, uris).addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        intent.clipData = ClipData.newRawUri("perf.json", uris[0]).apply {
            uris.drop(1).forEach { addItem(ClipData.Item(it)) }
        }
        startActivity(Intent.createChooser(intent, getString(R.string.share)))
    }

    private fun nameOf(uri: Uri): String = try {
        contentResolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)
            ?.use { if (it.moveToFirst()) it.getString(0) else null }
    } catch (_: RuntimeException) { // another app's provider may throw anything
        null
    } ?: uri.lastPathSegment ?: getString(R.string.own_song)

    private fun show(state: State) {
        findViewById<RadioGroup>(R.id.tabs).check(TABS.getValue(state.screen))
        for ((screen, id) in PANELS) findViewById<View>(id).visibility = visible(screen == state.screen)
        text(R.id.trouble, state.trouble?.let { texts.trouble(it) }.orEmpty())
        text(R.id.budget_value, texts.budget(state.step))
        findViewById<SeekBar>(R.id.budget).progress = state.step
        text(R.id.choice, texts.pick(state.pick))
        showSong(state)
        shares.show(state.reading)
        findViewById<View>(R.id.digit).invalidate()
        members.show(state.measured)
        findViewById<Button>(R.id.measure).isEnabled = state.measuring == null
        findViewById<View>(R.id.share).visibility = visible(session.perfFiles().isNotEmpty())
        val item = state.measuring
        text(R.id.measuring, if (item == null) "" else getString(R.string.measuring, item))
    }

    private fun showSong(state: State) {
        val song = state.song
        val sound = song?.stems?.mixture
        val place = if (song == null || sound == null) 0 else song.playback.position
        val share = if (sound == null) 0f else place.toFloat() / sound.samples
        val waveform = findViewById<WaveformView>(R.id.waveform)
        val ready = if (sound == null) 0f else song.stems.ready.toFloat() / sound.samples
        waveform.show(song?.peaks ?: FloatArray(0), ready, share)
        text(
            R.id.song_name,
            when {
                state.isReading -> getString(R.string.reading)
                song == null || sound == null -> getString(R.string.no_song)
                else -> getString(
                    R.string.song_place,
                    song.name,
                    texts.time(place.toDouble() / sound.rate),
                    texts.time(sound.seconds),
                )
            },
        )
        val progress = state.progress
        text(
            R.id.progress,
            when {
                progress == null -> if (state.isSeparating) getString(R.string.waiting) else ""
                state.isSeparating -> getString(
                    R.string.separating, progress.choice.member, texts.percent(progress.calls.toFloat() / progress.all),
                    texts.number(progress.realTimeFactor),
                )
                else -> getString(
                    R.string.separated, progress.choice.member, texts.number(progress.realTimeFactor),
                    texts.number(1 / progress.realTimeFactor),
                )
            },
        )
        val play = findViewById<Button>(R.id.play)
        play.isEnabled = song != null
        play.text = getString(if (state.isPlaying) R.string.pause else R.string.play)
        ticks.removeCallbacks(tick)
        if (state.isPlaying) ticks.postDelayed(tick, TICK_MS)
    }

    private fun text(id: Int, text: String) {
        val view = findViewById<TextView>(id)
        if (view.text.toString() != text) view.text = text
        view.visibility = visible(text.isNotEmpty())
    }

    private fun visible(condition: Boolean) = if (condition) View.VISIBLE else View.GONE

    internal companion object {
        const val PICK_SONG = 1
        const val CENTER = 100
        private const val TICK_MS = 100L
        private val TABS = mapOf(
            Screen.SONG to R.id.tab_song, Screen.DIGIT to R.id.tab_digit, Screen.MEMBERS to R.id.tab_members,
        )
        private val PANELS = mapOf(
            Screen.SONG to R.id.song, Screen.DIGIT to R.id.digits, Screen.MEMBERS to R.id.members,
        )
    }
}
