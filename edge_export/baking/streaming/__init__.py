"""Bakes a band-split separator into one step of a stream. Each file holds one part of the step and its rule."""
