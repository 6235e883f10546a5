package edge.app

import android.os.Bundle

/** Puts what the system keeps of the session into a bundle, and reads it. */
internal object KeptBundle {
    private const val MAX_VALUES = 20_000 // the system keeps some 100 kB of an activity

    fun write(bundle: Bundle, kept: Kept, lines: List<FloatArray>) {
        bundle.putString("screen", kept.screen.name)
        bundle.putInt("step", kept.step)
        bundle.putBoolean("hasSong", kept.hasSong)
        bundle.putString("source", kept.source)
        bundle.putString("name", kept.name)
        bundle.putInt("position", kept.position)
        bundle.putFloat("fader", kept.fader)
        val isSmall = lines.sumOf { it.size } <= MAX_VALUES
        bundle.putInt("lines", if (isSmall) lines.size else 0)
        if (isSmall) lines.forEachIndexed { index, line -> bundle.putFloatArray("line$index", line) }
    }

    /** Returns null for a bundle that [write] did not write. */
    fun read(bundle: Bundle): Pair<Kept, List<FloatArray>>? {
        val screen = Screen.values().find { it.name == bundle.getString("screen") } ?: return null
        val kept = Kept(
            screen = screen,
            step = bundle.getInt("step"),
            hasSong = bundle.getBoolean("hasSong"),
            source = bundle.getString("source"),
            name = bundle.getString("name").orEmpty(),
            position = bundle.getInt("position"),
            fader = bundle.getFloat("fader"),
        )
        return kept to (0 until bundle.getInt("lines")).mapNotNull { bundle.getFloatArray("line$it") }
    }
}
