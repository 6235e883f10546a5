package edge.family

import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.channels.OverlappingFileLockException
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException

/**
 * Runs the items of a request folder on this device and leaves their results beside them.
 *
 * All items run in this process. An exception of a runtime costs its item. If a runtime ends the process, start it
 * again: finished items don't run again, and an item in which the process ended twice is failed. It holds nothing
 * between two calls of [run].
 *
 * @param runtimes One for each format that can run here.
 * @param facts What is known of this device; the runner adds the states.
 * @param state What may slow the device down now.
 */
public class Runner(
    runtimes: List<Runtime>,
    private val facts: DeviceFacts,
    private val state: () -> DeviceState = ThisDevice::state,
) {
    private val runtimes = runtimes.associateBy { it.format }

    /** What is told of an item while a request runs; [label] is the word that all runners use. */
    public enum class Step(public val label: String) {
        STARTED("started"),
        DONE("done"),
        FAILED("failed"),
        UNSUPPORTED("unsupported"),
        FINISHED_BEFORE("finished before"),
    }

    /** One step of an item. [reason] says why it failed or is unsupported. */
    public data class Event(val item: String, val step: Step, val reason: String = "")

    /**
     * Runs every item that is not finished.
     *
     * @param folder Where `request.json` and the files of the request are.
     * @param results Where `device.json` and the folder `results` are written. On Android an app can't write [folder].
     * @param tell Called when an item starts and when it ends.
     * @return Whether every item is finished. False: a runtime hangs; end this process and start it again.
     * @throws FamilyException The request is not valid, another runner works on it, or the folder can't be written.
     */
    public fun run(folder: File, results: File = folder, tell: (Event) -> Unit = {}): Boolean {
        val file = File(folder, Request.FILE)
        val request = Request.parse(readJson(file), file.path)
        try {
            return locked(results) { runAll(folder, results, request, tell) }
        } catch (error: IOException) {
            throw FamilyException("$results can't be written: ${oneLine(error.message ?: "no reason")}", error)
        }
    }

    /**
     * Writes `device.json` alone.
     *
     * @throws FamilyException The folder can't be written.
     */
    public fun writeFacts(results: File) {
        try {
            writeDevice(results, facts.copy(before = state()))
        } catch (error: IOException) {
            throw FamilyException("$results can't be written: ${oneLine(error.message ?: "no reason")}", error)
        }
    }

    private fun runAll(folder: File, results: File, request: Request, tell: (Event) -> Unit): Boolean {
        val before = facts.copy(before = state())
        writeDevice(results, before)
        for (item in request.items) {
            if (isFinished(results, request, item)) {
                tell(Event(item.id, Step.FINISHED_BEFORE))
                continue
            }
            tell(Event(item.id, Step.STARTED))
            val (status, hangs) = finish(folder, File(results, "results"), request, item)
            tell(Event(item.id, Step.valueOf(status.outcome.name), status.reason))
            if (hangs) return false
        }
        writeDevice(results, before.copy(after = state()))
        return true
    }

    private fun writeDevice(folder: File, facts: DeviceFacts) =
        writeWhole(File(folder, "device.json"), STRICT.encodeToString(DeviceFacts.serializer(), facts))

    private fun isFinished(folder: File, request: Request, item: Item): Boolean = try {
        val text = readJson(File(File(folder, "results/${item.id}"), ItemStatus.FILE))
        val status = STRICT.decode(ItemStatus.serializer(), text, item.id)
        status.runId == request.runId && status.item == item.id
    } catch (_: FamilyException) {
        false
    }

    /** Runs one item and writes its results. Returns its status, and whether its thread still runs. */
    private fun finish(folder: File, results: File, request: Request, item: Item): Pair<ItemStatus, Boolean> {
        val staged = File(results, ".${item.id}.part")
        val starts = File(results, ".${item.id}.starts")
        val earlier = startsOf(starts, request)
        staged.deleteRecursively()
        if (!staged.mkdirs()) throw IOException("the folder $staged can't be made")
        val base = ItemStatus(runId = request.runId, item = item.id, outcome = Outcome.DONE, before = state())
        var hangs = false
        val status = if (earlier >= 2) {
            val reason = "the process ended twice in this item: the runtime crashed, or the system ended it"
            base.copy(outcome = Outcome.FAILED, reason = reason)
        } else {
            writeWhole(starts, "${request.runId} ${earlier + 1}")
            val task = FutureTask { runItem(folder, item, staged, base) }
            Thread(task, "edgefamily ${item.id}").apply { isDaemon = true }.start()
            try {
                task.get((1000 * item.timeoutS).toLong(), TimeUnit.MILLISECONDS)
            } catch (_: TimeoutException) {
                hangs = true
                base.copy(outcome = Outcome.FAILED, reason = "it took longer than its time limit of ${item.timeoutS} s")
            } catch (error: ExecutionException) {
                val cause = error.cause ?: error
                if (cause is IOException) throw cause
                base.copy(outcome = Outcome.FAILED, reason = oneLine(cause.toString(), 1000))
            }
        }
        if (status.outcome != Outcome.DONE) staged.listFiles().orEmpty().forEach { it.delete() }
        val whole = status.copy(after = state())
        writeWhole(File(staged, ItemStatus.FILE), STRICT.encodeToString(ItemStatus.serializer(), whole))
        val final = File(results, item.id)
        final.deleteRecursively()
        Files.move(staged.toPath(), final.toPath(), StandardCopyOption.ATOMIC_MOVE)
        starts.delete()
        return whole to hangs
    }

    private fun startsOf(file: File, request: Request): Int {
        val (run, count) = readOrNull(file.path)?.split(' ')?.takeIf { it.size == 2 } ?: return 0
        return if (run == request.runId) count.toIntOrNull() ?: 0 else 0
    }

    private fun runItem(folder: File, item: Item, staged: File, base: ItemStatus): ItemStatus {
        var status = base
        return try {
            val artifact = item.artifact.checkedIn(folder)
            val inputs = item.inputs.checkedIn(folder)
            val runtime = runtimes[item.format]
                ?: throw UnsupportedException("this runner has no runtime for the format ${item.format}")
            status = base.copy(runtime = versionOf(runtime))
            val samples = Safetensors.read(inputs)
            val job = Job(item, samples, countSamples(samples, item.memberIo)) {
                val name = "${item.member} ${item.label}"
                LoadedMember.load(name, runtime, artifact, item.io, item.memberIo, item.threads)
            }
            when (item.mode) {
                Mode.VERIFY -> verify(job, staged, status)
                Mode.BENCH -> bench(job, staged, status)
                Mode.MEMORY -> memory(job, status)
            }
        } catch (error: UnsupportedException) {
            status.copy(outcome = Outcome.UNSUPPORTED, reason = oneLine(error.message ?: "", 1000))
        } catch (error: FamilyException) {
            status.copy(outcome = Outcome.FAILED, reason = oneLine(error.message ?: "", 1000))
        }
    }

    private fun versionOf(runtime: Runtime): String = try {
        runtimeCall("no runtime for ${runtime.format} works on this device") { runtime.version }
    } catch (error: FamilyException) {
        throw UnsupportedException(error.message!!, error)
    }

    private fun <T> locked(folder: File, block: () -> T): T =
        RandomAccessFile(File(folder, ".lock"), "rw").use { file ->
            val lock = try {
                file.channel.tryLock()
            } catch (_: OverlappingFileLockException) {
                null
            } ?: throw FamilyException("another runner works on $folder: wait until it has ended")
            lock.use { block() }
        }
}
