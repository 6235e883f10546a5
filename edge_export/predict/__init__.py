"""Runs a compiled member of a bundle on a file of the user's."""
