package edge.family

/**
 * Checks the recorded inputs of an item against its member, and returns their number.
 *
 * @throws FamilyException They don't fit. The message has every problem.
 */
internal fun countSamples(samples: Map<String, Tensor>, io: Io): Int {
    val sinks = io.state.map { it.second }.toSet()
    val expected = io.inputs.filter { it.name !in sinks }.associateBy { it.name }
    val problems = ArrayList<String>()
    if (samples.keys != expected.keys) {
        problems += "the samples are of ${samples.keys.sorted()}, but the inputs are ${expected.keys.sorted()}"
    }
    for ((name, spec) in expected) {
        val tensor = samples[name] ?: continue
        fun middle(shape: List<Int>) = if (io.stream == null) shape.drop(1) else shape.drop(1).dropLast(1)
        val sameShape = tensor.shape.size == spec.shape.size && middle(tensor.shape) == middle(spec.shape)
        val fits = sameShape && spec.shape[0] == 1
        if (!fits || tensor.size == 0 || tensor.dtype != spec.type) {
            val time = if (io.stream == null) emptyList() else listOf("samples")
            val wanted = listOf("count") + middle(spec.shape) + time
            problems += "samples of $name are $tensor, not ${spec.dtype} $wanted"
        }
    }
    val counts = samples.values.map { it.shape.firstOrNull() ?: 0 }.toSet()
    if (counts.size != 1 || counts.first() == 0) {
        problems += "all inputs need the same number of samples, at least one; there are $counts"
    }
    demand(problems.isEmpty()) { problems.sorted().joinToString("; ") }
    return counts.first()
}

/** A member, from its inputs to its outputs. */
internal typealias Call = (Map<String, Tensor>) -> Map<String, Tensor>

/** Splits `(1, ..., samples)` into the calls of a stream. Silence after its end flushes the delayed samples. */
internal fun streamCalls(stream: Stream, recording: Tensor): List<Tensor> {
    val samples = recording.shape.last()
    val width = recording.dtype.bytes
    val rows = recording.size / samples
    return List(stream.callsFor(samples)) { call ->
        val block = Tensor.zeros(recording.dtype, recording.shape.dropLast(1) + stream.samples)
        val start = call * stream.samples
        copyRows(rows, recording, start * width, block, 0, minOf(stream.samples, samples - start) * width)
        block
    }
}

/** Calls [run] once for each sample. The state that is fed back starts at zero. Returns all outputs. */
internal fun callEach(run: Call, io: Io, samples: Map<String, Tensor>, count: Int): Map<String, Tensor> {
    var state = io.zeroState()
    val results = List(count) { index ->
        val outputs = run(samples.mapValues { it.value.entry(index) } + state)
        state = io.state.associate { (source, sink) -> sink to outputs.getValue(source) }
        outputs
    }
    return io.outputs.associate { spec -> spec.name to Tensor.concatenated(results.map { it.getValue(spec.name) }) }
}

/** Runs each recording of `(count, ..., samples)` from a state of zeros. Returns the first output, aligned. */
internal fun streamEach(run: Call, io: Io, stream: Stream, recordings: Tensor): Map<String, Tensor> {
    val stems = io.outputs[0]
    val samples = recordings.shape.last()
    val width = stems.type.bytes
    val rows = stems.shape.dropLast(1).fold(1, Int::times)
    val results = List(recordings.shape[0]) { index ->
        var state = io.zeroState()
        val result = Tensor.zeros(stems.type, stems.shape.dropLast(1) + samples)
        streamCalls(stream, recordings.entry(index)).forEachIndexed { call, block ->
            val outputs = run(state + (io.inputs[0].name to block))
            state = io.state.associate { (source, sink) -> sink to outputs.getValue(source) }
            val start = call * stream.samples - stream.delay
            val from = maxOf(0, -start)
            val count = minOf(stream.samples, samples - start) - from
            copyRows(rows, outputs.getValue(stems.name), from * width, result, (start + from) * width, count * width)
        }
        result
    }
    return mapOf(stems.name to Tensor.concatenated(results))
}

/** Copies [bytes] of each row, from place [from] of the rows of [source] to place [to] of those of [target]. */
private fun copyRows(rows: Int, source: Tensor, from: Int, target: Tensor, to: Int, bytes: Int) {
    if (bytes <= 0) return
    val sourceRow = source.bytes.capacity() / rows
    val targetRow = target.bytes.capacity() / rows
    for (row in 0 until rows) {
        val part = source.buffer()
        part.position(row * sourceRow + from).limit(row * sourceRow + from + bytes)
        val place = target.bytes.duplicate()
        place.position(row * targetRow + to)
        place.put(part)
    }
}
