"""Slice one elastic mother network into a family of verified on-device members."""

__version__ = "0.1.0"
