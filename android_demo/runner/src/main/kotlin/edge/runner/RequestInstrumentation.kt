package edge.runner

import android.app.Activity
import android.app.Instrumentation
import android.content.Intent
import android.os.Bundle
import edge.family.FamilyException
import edge.family.Runner
import edge.family.android.AndroidDevice
import java.io.File
import java.util.concurrent.TimeUnit

/**
 * Runs a request folder on this phone:
 *
 *     am instrument -r -w -e results R [-e request F] edge.runner/edge.runner.RequestInstrumentation
 *
 * It leaves `device.json` and the results in R, and sends a status for each item as it starts (code 1) and as it ends
 * (code 0). Without a request it leaves `device.json` alone. Items that are finished don't run again. Its result is
 * RESULT_OK after the last item; otherwise `shortMsg` says what is wrong.
 */
public class RequestInstrumentation : Instrumentation() {
    private lateinit var arguments: Bundle

    override fun onCreate(arguments: Bundle) {
        super.onCreate(arguments)
        this.arguments = arguments
        start()
    }

    override fun onStart() {
        super.onStart()
        val problem = try {
            run(folder("results"), arguments.getString("request")?.let { File(it) })
        } catch (error: FamilyException) {
            error.message
        }
        val result = Bundle()
        problem?.let { result.putString("shortMsg", it) }
        finish(if (problem == null) Activity.RESULT_OK else Activity.RESULT_CANCELED, result)
    }

    /** Returns what kept it from running all items; null: nothing. */
    private fun run(results: File, request: File?): String? {
        val runtimes = runtimes()
        val runner = Runner(runtimes, AndroidDevice.facts(runtimes)) { AndroidDevice.state(targetContext) }
        if (request == null) {
            runner.writeFacts(results)
            return null
        }
        bringToFront()?.let { return it }
        return if (runner.run(request, results, ::tell)) null else "a runtime hangs"
    }

    private fun bringToFront(): String? {
        val intent = Intent(targetContext, RunnerActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        targetContext.startActivity(intent)
        val isInFront = RunnerActivity.inFront.await(FRONT_S, TimeUnit.SECONDS)
        return if (isInFront) null else "the runner app does not come to the front: unlock the phone"
    }

    private fun tell(event: Runner.Event) {
        val status = Bundle()
        status.putString("item", event.item)
        status.putString("outcome", event.step.label)
        if (event.reason.isNotEmpty()) status.putString("reason", event.reason)
        sendStatus(if (event.step == Runner.Step.STARTED) 1 else 0, status)
    }

    private fun folder(name: String): File {
        @Suppress("DEPRECATION") // what replaces it is not for files that the shell reads
        targetContext.externalMediaDirs // Android makes the app's folder there, which the shell may read
        val folder = File(arguments.getString(name) ?: throw FamilyException("give the folder: -e $name FOLDER"))
        if (!folder.isDirectory && !folder.mkdirs()) throw FamilyException("$folder can't be made")
        return folder
    }

    private companion object {
        const val FRONT_S = 30L
    }
}
