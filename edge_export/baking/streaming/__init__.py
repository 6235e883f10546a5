"""Bake a band-split separator into one step of a stream: per file one piece of it and the rule that makes it."""
