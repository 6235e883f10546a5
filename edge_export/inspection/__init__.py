"""Reads the contents of one compiled file, without running it."""
