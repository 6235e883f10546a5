package edge.family

import java.io.File

/** A runtime, such as TFLite, that loads the compiled files of one format. Any thread may use it. */
public interface Runtime {
    /** The format, as manifests name it: "tflite", "executorch". */
    public val format: String

    /**
     * The name and the version of the runtime.
     *
     * @throws FamilyException It does not work on this device; the message has the reason.
     */
    public val version: String

    /**
     * Loads a file. Use [Family.load], which checks the file first, and keeps to one engine at a time.
     *
     * @param io The file's inputs and outputs. The runtime goes by their names where the file has names.
     * @throws UnsupportedException The runtime lacks an operator of the file.
     * @throws FamilyException It is no such file, or its inputs and outputs are not those of [io].
     */
    public fun load(file: File, io: Io, threads: Int): Engine
}

/** A loaded file. Used by one thread at a time. */
public interface Engine : AutoCloseable {
    /**
     * Calls the network once.
     *
     * @param inputs All inputs, by name.
     * @return All outputs, by name: copies, which later calls leave as they are.
     */
    public fun call(inputs: Map<String, Tensor>): Map<String, Tensor>
}
