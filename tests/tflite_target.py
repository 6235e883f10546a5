"""A target file of the smallest kind: one TFLite file of each member of `digits`."""

TFLITE_ONLY = """
name = "plain"
mother = "digits"
members = "1.0"
calibration_batches = 4

[[artifacts]]
format = "tflite"
backend = "builtin"
precision = "fp32"

[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4

[tolerances.tflite.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
"""
