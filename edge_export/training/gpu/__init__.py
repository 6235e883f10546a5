"""Training of a separator on a GPU: songs in its memory, all sub-modules and bands of a layer at once."""
