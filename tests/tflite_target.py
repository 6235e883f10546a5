"""A target file of the smallest kind: one TFLite file of each member."""


def tflite_only(mother: str = "digits", members: str = "1.0", metric_drop: str = "") -> str:
    """Returns its text.

    Args:
        metric_drop: The most that a file may lose of the task's metric, such as "si_sdr = 0.01".
    """
    return f"""
name = "board"
mother = "{mother}"
members = "{members}"

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
metric_drop = {{ {metric_drop} }}
"""
