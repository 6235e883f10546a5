"""Extraction, calibration and cost of members."""
