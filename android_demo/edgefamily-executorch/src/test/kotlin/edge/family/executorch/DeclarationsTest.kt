package edge.family.executorch

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.PrintStream
import java.nio.file.Files
import org.jetbrains.kotlin.cli.common.ExitCode
import org.jetbrains.kotlin.cli.jvm.K2JVMCompiler
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** The declarations refuse what ExecuTorch's library would refuse: wrong calls do not compile. */
class DeclarationsTest {
    @Test
    fun `a right call compiles`() {
        val (code, output) = compiled(RIGHT)
        assertEquals(ExitCode.OK, code, output)
    }

    @TestFactory
    fun `wrong calls do not compile`(): List<DynamicTest> = WRONG.map { (from, to) ->
        dynamicTest("$to instead of $from") {
            val wrong = RIGHT.replace(from, to)
            assertTrue(wrong != RIGHT)
            val (code, output) = compiled(wrong)
            assertEquals(ExitCode.COMPILATION_ERROR, code, output)
            assertTrue(output.contains("Call.kt:"), output)
        }
    }

    private fun compiled(source: String): Pair<ExitCode, String> {
        val folder = Files.createTempDirectory("declarations").toFile()
        val file = File(folder, "Call.kt").apply { writeText(source) }
        val output = ByteArrayOutputStream()
        val path = System.getProperty("java.class.path").split(File.pathSeparator)
            .filter { "executorch-on-jvm" !in it }.joinToString(File.pathSeparator)
        val arguments = arrayOf("-no-stdlib", "-classpath", path, "-d", "$folder/out", file.path)
        val code = K2JVMCompiler().exec(PrintStream(output), *arguments)
        folder.deleteRecursively()
        return code to output.toString()
    }

    private companion object {
        val RIGHT = """
            import java.nio.FloatBuffer
            import org.pytorch.executorch.EValue
            import org.pytorch.executorch.Module
            import org.pytorch.executorch.Tensor

            fun call(path: String, data: FloatBuffer): FloatArray {
                val module = Module.load(path, Module.LOAD_MODE_MMAP, 1)
                module.loadMethod("forward")
                val outputs = module.execute("forward", EValue.from(Tensor.fromBlob(data, longArrayOf(1, 2))))
                module.close()
                return outputs[0].toTensor().dataAsFloatArray
            }
        """.trimIndent()
        val WRONG = listOf(
            "longArrayOf(1, 2)" to "intArrayOf(1, 2)",
            "Module.load(path," to "Module(path,",
            "EValue.from(Tensor" to "(Tensor",
            "outputs[0].toTensor()" to "outputs[0]",
            "LOAD_MODE_MMAP, 1" to "LOAD_MODE_MMAP, \"1\"",
            "loadMethod" to "load_method",
        )
    }
}
