"""Data: images, sounds and music, read from files, built in or generated from a seed."""
