"""A result for one's own file, by a compiled member of a bundle."""
