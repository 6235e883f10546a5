package edge.app

import edge.family.Benchmark
import edge.family.Budget
import edge.family.DeviceFacts
import edge.family.DeviceState
import edge.family.Family
import edge.family.FamilyException
import edge.family.LoadedMember
import edge.family.Perf
import edge.family.Pick
import edge.family.Runtime
import edge.family.Tensor
import java.io.File
import java.io.InputStream
import java.util.concurrent.Executor
import kotlin.math.exp

/** Plays a song, on a thread of its own. */
internal interface Speaker {
    /** Starts; [ended] is called on the player's thread at the song's end or on a failure, null: it ended. */
    fun start(playback: Playback, ended: (Throwable?) -> Unit)

    /** Stops, and returns when nothing more is played. It may be called twice. */
    fun stop()
}

/** What of the session lives on when the system ends the process. [source]: null is the bundled song. */
internal data class Kept(
    val screen: Screen,
    val step: Int,
    val hasSong: Boolean,
    val source: String?,
    val name: String,
    val position: Int,
    val fader: Float,
)

/**
 * What the app does and knows. It outlives the activity, so that a rotation loses nothing.
 *
 * All functions are called on the main thread. Long work runs one after another in [work]: a process has one member
 * loaded at a time.
 *
 * @param phone What may slow the phone down now.
 * @param main Runs tasks on the main thread.
 * @param decode Reads a song of the phone.
 * @param bundled Opens the bundled song.
 * @param folder The app's files.
 * @param scratch Where measurements leave their results.
 */
internal class Session(
    private val store: FamilyStore,
    private val runtimes: List<Runtime>,
    private val facts: () -> DeviceFacts,
    private val phone: () -> DeviceState,
    private val work: Executor,
    private val main: Executor,
    private val decode: (String) -> Sound,
    private val bundled: () -> InputStream,
    private val speaker: Speaker,
    private val folder: File,
    private val scratch: File,
    private val plan: Benchmark.Plan = Benchmark.Plan(),
) {
    /** A family with what was measured of it on this phone. */
    private class Opened(val name: String, val family: Family, val measured: Perf?)

    var state: State = State()
        private set

    val ink: Ink = Ink()

    private var listener: ((State) -> Unit)? = null
    private var separation: Separation? = null

    @Volatile
    private var device: DeviceFacts? = null

    @Volatile
    private var opened: List<Opened> = emptyList()

    @Volatile
    private var songChoice: Choice? = null

    init {
        work({ update { it } }) {
            device = facts()
            opened = store.names.map { open(it, anew = false) }
            main.execute { pickAgain() }
        }
    }

    /** Calls [listener] now, and whenever the state changes. Null: nobody looks. */
    fun observe(listener: ((State) -> Unit)?) {
        this.listener = listener
        listener?.invoke(state)
    }

    fun show(screen: Screen) = update { it.copy(screen = screen) }

    /** Sets the slider of the budget, and picks again. A song is separated again by another member. */
    fun budget(step: Int) {
        update { it.copy(step = step) }
        pickAgain()
    }

    /** Reads a song and separates it, from [position] on to be heard. [source]: null is the bundled one. */
    fun openSong(source: String?, name: String, position: Int = 0, fader: Float = 0f) {
        pause()
        separation?.cancel()
        update { it.copy(isReading = true, trouble = null) }
        work({ update { it.copy(isReading = false) } }) {
            val sound = (if (source == null) readWav(bundled()) else decode(source)).atMostStereo()
            val stream = opened.firstNotNullOfOrNull { it.family.manifest.members[0].io.stream }
                ?: throw AppException(Trouble.DAMAGED, "no separator")
            val stems = Stems(sound.at(stream.sampleRate), stream.stems)
            val playback = Playback(stems)
            playback.position = position.coerceIn(0, stems.mixture.samples)
            playback.fader = fader
            val song = Song(source, name, playback)
            main.execute {
                update { it.copy(song = song, isReading = false, progress = null) }
                separate()
            }
        }
    }

    fun play() {
        val song = state.song ?: return
        if (state.isPlaying) return
        if (song.playback.isAtEnd) song.playback.position = 0
        update { it.copy(isPlaying = true, trouble = null) }
        speaker.start(song.playback) { error ->
            main.execute { update { it.copy(isPlaying = false, trouble = error?.let(::troubleOf) ?: it.trouble) } }
        }
    }

    fun pause() {
        speaker.stop()
        if (state.isPlaying) update { it.copy(isPlaying = false) }
    }

    /** Goes to a place of the song, from 0 to 1. */
    fun seek(share: Float) {
        val song = state.song ?: return
        song.playback.position = (share.coerceIn(0f, 1f) * song.stems.mixture.samples).toInt()
        update { it }
    }

    fun fade(fader: Float) {
        state.song?.playback?.fader = fader
    }

    /** Reads what is drawn. */
    fun read() {
        val choice = choiceOf(state.digitPick) ?: return
        if (ink.isEmpty) return update { it.copy(reading = null) }
        val lines = ink.lines()
        work({ update { it.copy(reading = null) } }) {
            val from = opened.first { isClassifier(it.family) }
            val spec = from.family.manifest.member(choice.member).io.inputs[0]
            val (height, width) = spec.shape.takeLast(2)
            val pixels = Ink().apply { restore(lines) }.image(height, width)
            val mean = spec.mean.firstOrNull() ?: 0.0
            val std = spec.std.firstOrNull() ?: 1.0
            val values = FloatArray(pixels.size) { ((pixels[it] - mean) / std).toFloat() }
            val reading = load(from.name, choice).use { member ->
                val logits = member.call(mapOf(spec.name to Tensor.of(spec.shape, values))).values.first().floats()
                Reading(choice, member.io.labels, softmax(logits))
            }
            main.execute { update { if (ink.isEmpty) it else it.copy(reading = reading, trouble = null) } }
        }
    }

    fun clearInk() {
        ink.clear()
        update { it.copy(reading = null) }
    }

    /** Measures all members of all families by the runner. */
    fun measure() {
        if (state.measuring != null) return
        pause()
        update { it.copy(measuring = "", trouble = null) }
        work({ update { it.copy(measuring = null) } }) {
            val device = device ?: facts()
            val results = opened.map { from ->
                val leaves = File(scratch, "bench-${from.name}")
                leaves.deleteRecursively()
                if (!leaves.mkdirs()) throw AppException(Trouble.NO_SPACE, leaves.path)
                val result = Benchmark(from.family, runtimes, device, state = phone).run(leaves, plan) { event ->
                    main.execute { update { it.copy(measuring = event.item) } }
                }
                leaves.deleteRecursively()
                perfFile(from.name).writeText(result.perf)
                from to result
            }
            opened = opened.map { open(it.name, anew = false) }
            val rows = results.flatMap { (from, result) -> result.rows.map { measured(from, it) } }
            main.execute {
                update { it.copy(measured = rows, measuring = null) }
                pickAgain()
            }
        }
    }

    /** The `perf.json` of the measured families, to be shared. */
    fun perfFiles(): List<File> = opened.map { perfFile(it.name) }.filter { it.exists() }

    /** What the system should keep. */
    fun keep(): Kept {
        val song = state.song
        val playback = song?.playback
        return Kept(
            screen = state.screen,
            step = state.step,
            hasSong = song != null,
            source = song?.source,
            name = song?.name.orEmpty(),
            position = playback?.position ?: 0,
            fader = playback?.fader ?: 0f,
        )
    }

    /** Goes on where another process was ended. A session that has begun anything stays as it is. */
    fun restore(kept: Kept, lines: List<FloatArray>) {
        if (state.song != null || state.isReading || !ink.isEmpty) return
        ink.restore(lines)
        update { it.copy(screen = kept.screen, step = kept.step) }
        pickAgain()
        if (kept.hasSong) openSong(kept.source, kept.name, kept.position, kept.fader)
    }

    /** Ends what goes on. */
    fun close() {
        speaker.stop()
        separation?.cancel()
        listener = null
    }

    private fun update(change: (State) -> State) {
        state = change(state)
        listener?.invoke(state)
    }

    /** Runs [task] in [work]. When it fails, the screen says why, and [after] takes back what it showed. */
    private fun work(after: () -> Unit, task: () -> Unit) = work.execute {
        try {
            task()
        } catch (error: Exception) {
            failed(error, after)
        } catch (error: OutOfMemoryError) {
            failed(error, after)
        }
    }

    private fun failed(error: Throwable, after: () -> Unit) = main.execute {
        after()
        update { it.copy(trouble = troubleOf(error)) }
    }

    private fun pickAgain() {
        val device = device ?: return
        val budget = Budget(callMs = Budgets.milliseconds(state.step))
        fun pickOf(isRight: (Family) -> Boolean): Pick? {
            val from = opened.find { isRight(it.family) } ?: return null
            return (from.measured?.let { from.family.with(it) } ?: from.family).pick(device, budget)
        }
        try {
            update { it.copy(songPick = pickOf(::isSeparator), digitPick = pickOf(::isClassifier)) }
        } catch (error: FamilyException) {
            update { it.copy(trouble = troubleOf(error)) }
        }
        val before = songChoice
        songChoice = choiceOf(state.songPick)
        if (before != null && before != songChoice && !state.isSeparating) separate()
        if (state.reading?.choice != choiceOf(state.digitPick)) read()
    }

    private fun separate() {
        val song = state.song ?: return
        if (songChoice == null) return
        val name = opened.first { isSeparator(it.family) }.name
        val next = Separation(song.stems, { songChoice!! }, { load(name, it) }) { progress ->
            main.execute { update { if (it.song === song) it.copy(progress = progress) else it } }
        }
        separation?.cancel()
        separation = next
        update { it.copy(isSeparating = true) }
        work({ if (separation === next) update { it.copy(isSeparating = false) } }) {
            next.run()
            main.execute {
                if (separation === next) {
                    update { it.copy(isSeparating = false) }
                    if (state.progress?.choice != songChoice) separate()
                }
            }
        }
    }

    /** Loads a member. A copy that is damaged is made anew, once. */
    private fun load(name: String, choice: Choice): LoadedMember {
        fun attempt(family: Family): LoadedMember {
            val format = family.manifest.member(choice.member).artifact(choice.artifact).format
            return family.load(choice.member, choice.artifact, runtimes.first { it.format == format }, choice.threads)
        }
        return try {
            attempt(opened.first { it.name == name }.family)
        } catch (_: FamilyException) {
            val again = open(name, anew = true)
            opened = opened.map { if (it.name == name) again else it }
            attempt(again.family)
        }
    }

    private fun open(name: String, anew: Boolean): Opened {
        val family = store.open(name, anew)
        val file = perfFile(name)
        val measured = try {
            if (file.exists()) Perf.parse(file.readText()) else null
        } catch (_: FamilyException) {
            null.also { file.delete() } // an older version wrote it
        }
        return Opened(name, family, measured)
    }

    private fun measured(from: Opened, row: Benchmark.Row): Measured {
        val member = from.family.manifest.member(row.member)
        val stream = member.io.stream
        val bytes = member.artifact(row.artifact).file?.bytes ?: 0
        return Measured(from.name, row, bytes, stream?.let { 1000.0 * it.samples / it.sampleRate })
    }

    private fun perfFile(name: String) = File(folder, "perf-$name.json")

    private fun choiceOf(pick: Pick?): Choice? = pick?.let { Choice(it.member, it.artifact, it.threads) }

    private fun isSeparator(family: Family) = family.manifest.members[0].io.stream != null

    private fun isClassifier(family: Family) = family.manifest.members[0].io.labels.isNotEmpty()

    private fun softmax(logits: FloatArray): List<Float> {
        val powers = logits.map { exp(it - logits.max()) }
        return powers.map { it / powers.sum() }
    }
}
