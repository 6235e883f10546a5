"""Atomic writing of files and folders, their hashes, and checked relative paths."""
