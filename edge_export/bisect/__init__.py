"""Finds the first operator or layer whose output diverges from its reference, inside a stage or a compiled file.

    values.py       the records: an operator's output on a few recorded samples, and the result of a comparison
    torch_values.py, program_values.py, onnx_values.py, tflite_values.py, mil_values.py
                    each reads the values inside one kind of network
    prefixes.py     compiles prefixes of the program instead, for formats whose values cannot be read
    pairing.py      finds the value of the reference that each value corresponds to
    divergence.py   finds the first value that diverges, by the network's own graph

`files.py`, `cut.py` and `weights.py` are worker tasks. `artifact.py` submits them.
"""
