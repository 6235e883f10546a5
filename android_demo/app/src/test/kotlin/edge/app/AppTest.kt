package edge.app

import android.app.Activity
import android.content.Intent
import android.graphics.Rect
import android.media.AudioManager
import android.media.MediaFormat
import android.net.Uri
import android.os.Bundle
import android.os.Looper
import android.os.ParcelFileDescriptor
import android.view.KeyEvent
import android.view.View
import android.view.ViewGroup
import android.widget.SeekBar
import android.widget.TextView
import edge.family.Perf
import java.io.ByteArrayOutputStream
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import java.nio.file.Paths
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.cos
import kotlin.math.sin
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotSame
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.shadows.ShadowAudioTrack
import org.robolectric.shadows.ShadowMediaCodec
import org.robolectric.shadows.ShadowMediaExtractor
import org.robolectric.shadows.util.DataSource

private val ONE = listOf(0.5f to 0.1f, 0.5f to 0.5f, 0.5f to 0.9f)
private val ZERO = (0..40).map { 2 * PI * it / 40 }
    .map { (0.5 + 0.22 * sin(it)).toFloat() to (0.5 - 0.4 * cos(it)).toFloat() }
private val SEVEN = listOf(0.25f to 0.12f, 0.75f to 0.12f, 0.6f to 0.45f, 0.45f to 0.9f)

@RunWith(RobolectricTestRunner::class)
class AppTest {
    private val controllers = ArrayList<ActivityController<MainActivity>>()

    private fun start(saved: Bundle? = null): ActivityController<MainActivity> {
        val controller = Robolectric.buildActivity(MainActivity::class.java).also { controllers += it }
        if (saved == null) return controller.setup()
        return controller.create(saved).start().restoreInstanceState(saved).postCreate(saved).resume().visible()
    }

    private fun <T : View> ActivityController<MainActivity>.view(id: Int): T = get().findViewById(id)!!

    private fun text(controller: ActivityController<MainActivity>, id: Int) =
        controller.view<TextView>(id).text.toString()

    private fun click(controller: ActivityController<MainActivity>, id: Int) {
        controller.view<View>(id).performClick()
    }

    private fun slide(bar: SeekBar, progress: Int) {
        bar.progress = progress
        shadowOf(bar).onSeekBarChangeListener.onProgressChanged(bar, progress, true)
    }

    private fun openBundled(controller: ActivityController<MainActivity>): Song {
        click(controller, R.id.open_bundled)
        return await("separated song") { it.song != null && !it.isSeparating && it.progress != null }.song!!
    }

    @After
    fun tearDown() {
        controllers.forEach { it.close() }
        demo.endSession()
    }

    @Test
    fun `digits that are drawn by touch are recognised`() {
        val app = start()
        click(app, R.id.tab_digit)
        await("member") { it.digitPick != null }
        for ((digit, points) in listOf("0" to ZERO, "1" to ONE, "7" to SEVEN)) {
            click(app, R.id.clear)
            draw(app.get(), app.view(R.id.digit), points)
            val reading = await("reading") { it.reading != null }.reading!!
            val shares = reading.labels.zip(reading.shares)
            println("drawn $digit: " + shares.joinToString { "%s %.2f".format(it.first, it.second) })
            assertEquals(digit, reading.labels[reading.best])
            assertTrue(text(app, R.id.label).startsWith("It is $digit ("))
            assertEquals(1f, reading.shares.sum(), 1e-3f)
        }
        screenshot(app.get(), "digit")
        click(app, R.id.clear)
        assertEquals("Draw a digit.", text(app, R.id.label))
    }

    @Test
    fun `a song is separated, and AudioTrack gets the runner's stems`() {
        val heard = ByteArrayOutputStream()
        ShadowAudioTrack.addAudioDataListener { _, data, _ -> heard.write(data) }
        val app = start()
        val song = openBundled(app)
        val member = demo.session.state.progress!!.choice.member
        val expected = runnersStems(member)
        for ((stem, fader) in listOf(0 to 0, 1 to 2 * MainActivity.CENTER)) {
            heard.reset()
            slide(app.view(R.id.fader), fader)
            song.playback.position = 0
            demo.session.play()
            await("end of the song") { !it.isPlaying }
            val values = ByteBuffer.wrap(heard.toByteArray()).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
            assertEquals(expected[stem].size, values.remaining())
            val first = if (stem == 0) 0 else 1024 // the fader moves over a block
            for (n in first until expected[stem].size) {
                val wanted = Math.round(expected[stem][n] * 32768f).coerceIn(-32768, 32767)
                assertEquals("sample $n", wanted, values.get(n).toInt())
            }
            assertTrue(expected[stem].any { abs(it) > 0.01f })
        }
        assertTrue(text(app, R.id.progress).startsWith("Separated by $member, real-time factor "))
        screenshot(app.get(), "song")
    }

    @Test
    fun `the song stops when another app takes the sound, and waits while a call has it`() {
        val app = start()
        openBundled(app)
        val audio = shadowOf(demo.getSystemService(AudioManager::class.java))
        click(app, R.id.play)
        assertTrue(demo.session.state.isPlaying)
        val focus = audio.lastAudioFocusRequest.audioFocusRequest
        focus.onAudioFocusChangeListener!!.onAudioFocusChange(AudioManager.AUDIOFOCUS_LOSS_TRANSIENT)
        await("silence") { !it.isPlaying }
        assertSame(focus, audio.lastAbandonedAudioFocusRequest)

        audio.setNextFocusRequestResponse(AudioManager.AUDIOFOCUS_REQUEST_FAILED)
        click(app, R.id.play)
        await("refusal") { it.trouble != null && !it.isPlaying }
        assertTrue(text(app, R.id.trouble).startsWith("Another app holds the sound"))
    }

    /** What the runner gives for the golden mixture, of which the bundled song is the 16 bit version. */
    private fun runnersStems(member: String): List<FloatArray> {
        val sound = readWav(demo.assets.open("song.wav"))
        val folder = Files.createTempDirectory("request").toFile()
        val stems = RunnerStems(File(System.getProperty("bundles"), "separator"), folder).of(member, sound.channels[0])
        folder.deleteRecursively()
        return stems
    }

    @Test
    fun `a smaller budget picks a smaller member, which goes on with the song`() {
        val app = start()
        click(app, R.id.tab_members)
        click(app, R.id.measure)
        val measured = await("measured members") { it.measured.isNotEmpty() && it.measuring == null }.measured
        assertEquals(setOf("d1w1", "d2w2", "w0.25", "w0.5"), measured.map { it.row.member }.toSet())
        assertTrue(measured.all { it.row.reason.isEmpty() && it.row.medianMs!! > 0 })
        screenshot(app.get(), "members")
        click(app, R.id.tab_song)
        slide(app.view(R.id.budget), Budgets.STEPS)
        assertEquals("d2w2", demo.session.state.songPick!!.member)
        assertTrue(text(app, R.id.choice).contains("Rule: measured on this model."))
        openBundled(app)
        slide(app.view(R.id.budget), 0)
        assertEquals("d1w1", demo.session.state.songPick!!.member)
        assertTrue(text(app, R.id.choice).contains("too slow for the budget"))
        val state = await("song of the other member") { !it.isSeparating && it.progress?.choice?.member == "d1w1" }
        val stems = state.song!!.stems
        assertEquals(stems.mixture.samples, stems.ready)
        sharesWhatWasMeasured(app)
    }

    private fun sharesWhatWasMeasured(app: ActivityController<MainActivity>) {
        click(app, R.id.tab_members)
        click(app, R.id.share)
        @Suppress("DEPRECATION")
        val intent = shadowOf(app.get()).nextStartedActivity.getParcelableExtra<Intent>(Intent.EXTRA_INTENT)!!
        @Suppress("DEPRECATION")
        val uris = intent.getParcelableArrayListExtra<Uri>(Intent.EXTRA_STREAM)!!
        assertEquals(2, uris.size)
        val provider = Robolectric.setupContentProvider(PerfProvider::class.java, "edge.app.perf")
        for (uri in uris) {
            val name = uri.pathSegments[0]
            val opened = provider.openFile(uri, "r")
            val text = ParcelFileDescriptor.AutoCloseInputStream(opened).use { it.readBytes().decodeToString() }
            Perf.parse(text)
            val whole = sha256(File(System.getProperty("bundles"), "$name/manifest.json"))
            assertTrue("it belongs to the whole bundle", text.contains("\"bundle\":\"$whole\""))
        }
    }

    private fun sha256(file: File) = java.security.MessageDigest.getInstance("SHA-256").digest(file.readBytes())
        .joinToString("") { "%02x".format(it) }

    @Test
    fun `a rotation, the background and the end of the process lose nothing`() {
        var app = start()
        val song = openBundled(app)
        slide(app.view(R.id.fader), 150)
        demo.session.seek(0.25f)
        val session = demo.session
        val before = app.get()
        RuntimeEnvironment.setQualifiers("+land")
        app.configurationChange()
        app.visible()
        assertNotSame(before, app.get())
        assertSame(session, demo.session)
        assertSame(song, session.state.song)
        assertEquals(150, app.view<SeekBar>(R.id.fader).progress)
        screenshot(app.get(), "song-landscape")
        app.pause().stop()
        assertFalse(session.state.isPlaying)
        app.restart().start().resume()
        assertSame(song, session.state.song)

        click(app, R.id.tab_digit)
        draw(app.get(), app.view(R.id.digit), ONE)
        await("reading") { it.reading != null }
        val saved = Bundle()
        app.saveInstanceState(saved)
        app.pause().stop().destroy()
        controllers.clear()
        demo.endSession() // as if the process had ended
        app = start(saved)
        val state = await("song and digit") {
            it.song != null && !it.isSeparating && it.progress != null && it.reading != null
        }
        assertNotSame(session, demo.session)
        assertEquals(Screen.DIGIT, state.screen)
        val playback = state.song!!.playback
        assertEquals(0.25f, playback.position / playback.stems.mixture.samples.toFloat(), 1e-3f)
        assertEquals(0.5f, playback.fader, 1e-6f)
        val reading = state.reading!!
        assertEquals("1", reading.labels[reading.best])
    }

    @Test
    fun `back ends the session while a song is separated`() {
        val app = start()
        val session = demo.session
        click(app, R.id.open_bundled)
        await("start") { it.isSeparating }
        val decor = app.get().window.decorView
        decor.dispatchKeyEvent(KeyEvent(KeyEvent.ACTION_DOWN, KeyEvent.KEYCODE_BACK))
        decor.dispatchKeyEvent(KeyEvent(KeyEvent.ACTION_UP, KeyEvent.KEYCODE_BACK))
        assertTrue(app.get().isFinishing)
        app.pause().stop().destroy()
        controllers.clear()
        val again = start()
        assertNotSame(session, demo.session)
        openBundled(again) // the member of the session that ended is closed
    }

    /** Gives the phone a song: the extractor finds [format], and its decoder gives [pcm] as it is. */
    private fun songOfThePhone(format: MediaFormat, pcm: ByteArray, isBroken: Boolean = false): Uri {
        val uri = Uri.parse("content://songs/${format.getString(MediaFormat.KEY_MIME)!!.substringAfter('/')}")
        ShadowMediaExtractor.addTrack(DataSource.toDataSource(demo, uri, null), format, pcm)
        val decoder = ShadowMediaCodec.CodecConfig(4096, 4096) { input, output ->
            check(!isBroken) { "the file is broken" }
            output.put(input)
        }
        ShadowMediaCodec.addDecoder(format.getString(MediaFormat.KEY_MIME)!!, decoder)
        return uri
    }

    private fun pick(app: ActivityController<MainActivity>, uri: Uri) {
        click(app, R.id.open_song)
        val request = shadowOf(app.get()).nextStartedActivityForResult.intent
        assertEquals(Intent.ACTION_OPEN_DOCUMENT, request.action)
        shadowOf(app.get()).receiveResult(request, Activity.RESULT_OK, Intent().setData(uri))
    }

    private fun format(type: String, rate: Int, channels: Int) = MediaFormat.createAudioFormat(type, rate, channels)

    @Test
    fun `songs of the phone are separated at any rate, or refused in words`() {
        val app = start()
        val pcm = ByteArray(2 * 48_000).also { bytes ->
            val shorts = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
            for (n in 0 until 48_000) shorts.put((8000 * sin(2 * PI * 440 * n / 48_000)).toInt().toShort())
        }
        pick(app, songOfThePhone(format("audio/mpeg", 48_000, 1), pcm))
        val song = await("song of 48 kHz") { it.song != null && !it.isSeparating && it.progress != null }.song!!
        assertEquals(16_000, song.stems.mixture.samples)
        assertEquals(16_000, song.stems.ready)
        val tone = song.stems.mixture.channels[0]
        for (n in 1_000 until 15_000) {
            assertEquals(8000 / 32768f * sin(2 * PI * 440 * n / 16_000).toFloat(), tone[n], 2e-3f)
        }

        val cases = listOf(
            songOfThePhone(format("audio/empty", 44_100, 2), ByteArray(0)) to "no sound in it",
            songOfThePhone(format("audio/broken", 44_100, 2), pcm, isBroken = true) to "decoder failed",
            songOfThePhone(format("video/avc", 1, 1), pcm) to "no sound that the phone knows",
        )
        for ((uri, words) in cases) {
            pick(app, uri)
            await("refusal of $uri") { it.trouble != null && !it.isReading }
            assertTrue(text(app, R.id.trouble), text(app, R.id.trouble).contains(words))
            assertSame("the song before stays", song, demo.session.state.song)
        }
        screenshot(app.get(), "trouble")
    }

    @Test
    fun `a copy that is damaged is made anew, and a phone without space is told in words`() {
        val app = start()
        await("families") { it.digitPick != null }
        val file = File(demo.filesDir, "families/digits/members/w0.25/tflite-builtin-fp32.tflite")
        file.writeBytes(file.readBytes().copyOf(1000))
        click(app, R.id.tab_digit)
        draw(app.get(), app.view(R.id.digit), ONE)
        await("reading") { it.reading != null }
        assertTrue(file.length() > 1000)

        Files.createSymbolicLink(Paths.get(demo.filesDir.path, "perf-digits.json"), Paths.get("/dev/full"))
        click(app, R.id.tab_members)
        click(app, R.id.measure)
        await("refusal") { it.trouble != null && it.measuring == null }
        assertTrue(text(app, R.id.trouble), text(app, R.id.trouble).startsWith("The phone has no space left"))
    }

    @Test
    fun `a family that is damaged in the app is told in words`() {
        val assets = Assets { "{}".byteInputStream() }
        val folder = Files.createTempDirectory("store").toFile()
        val error = assertThrows(AppException::class.java) { FamilyStore(assets, folder).open("digits") }
        assertEquals(Trouble.DAMAGED, error.trouble)
        folder.deleteRecursively()
    }

    @Test
    fun `every screen is drawn in every shape`() {
        val shapes = mapOf(
            "phone-dark" to ("w411dp-h731dp-port-night-mdpi" to 1f),
            "phone-large-text" to ("w411dp-h731dp-port-mdpi" to 1.3f),
            "landscape" to ("w731dp-h411dp-land-mdpi" to 1f),
            "tablet" to ("sw800dp-w1280dp-h800dp-land-mdpi" to 1f),
            "right-to-left" to ("ar-ldrtl-w411dp-h731dp-port-mdpi" to 1f),
        )
        for ((name, shape) in shapes) {
            RuntimeEnvironment.setQualifiers(shape.first)
            RuntimeEnvironment.setFontScale(shape.second)
            val app = start()
            if (demo.session.state.song == null) openBundled(app)
            val tabs = listOf("song" to R.id.tab_song, "digit" to R.id.tab_digit, "members" to R.id.tab_members)
            for ((screen, tab) in tabs) {
                click(app, tab)
                if (screen == "digit" && demo.session.ink.isEmpty) {
                    draw(app.get(), app.view(R.id.digit), SEVEN)
                    await("reading") { it.reading != null }
                }
                if (screen == "digit") assertIsSeen(app.get(), app.view(R.id.digit))
                val bitmap = screenshot(app.get(), "$screen-$name")
                val pixels = IntArray(bitmap.width * bitmap.height)
                bitmap.getPixels(pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
                assertTrue("$screen-$name is empty", pixels.toSet().size > 20)
            }
            val small = ArrayList<String>()
            touchables(app.get().window.decorView, small)
            assertEquals(name, emptyList<String>(), small)
            app.pause().stop()
        }
    }

    /** Fails if a part of the view is outside of the window: one would have to scroll. */
    private fun assertIsSeen(activity: Activity, view: View) {
        shadowOf(Looper.getMainLooper()).idle()
        val seen = Rect()
        assertTrue(view.getGlobalVisibleRect(seen))
        assertEquals(view.width to view.height, seen.width() to seen.height())
        assertTrue("$seen", Rect(0, 0, activity.window.decorView.width, activity.window.decorView.height).contains(seen))
    }

    /** The names of views that can be touched and are smaller than 48 dp, or that say nothing to a screen reader. */
    private fun touchables(view: View, found: MutableList<String>) {
        if (view.visibility != View.VISIBLE) return
        val density = view.resources.displayMetrics.density
        val isTouched = view.isClickable || view is SeekBar || view is DigitView || view is WaveformView
        val says = !view.contentDescription.isNullOrEmpty() || (view is TextView && view.text.isNotEmpty())
        if (isTouched && (view.height < 47 * density || !says)) found += "${view.javaClass.simpleName} ${view.height}"
        if (view is ViewGroup) for (index in 0 until view.childCount) touchables(view.getChildAt(index), found)
    }
}
