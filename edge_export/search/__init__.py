"""Chooses members of a mother by what they cost and how well they do."""

from edge_export.search.candidates import Budget, Candidate, best, front, macs_of, spread

__all__ = ["Budget", "Candidate", "best", "front", "macs_of", "spread"]
