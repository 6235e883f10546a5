"""Elastic mother networks: one set of weights, many configurations."""
