"""Find the first operator or layer whose output diverges from its reference, inside a stage or a compiled file.

    values.py       what is seen inside a network: every operator's output on a few recorded samples
    torch_values.py, program_values.py, onnx_values.py, tflite_values.py, mil_values.py
                    one way of looking inside each; `prefixes.py` where there is none
    pairing.py      which value of the reference each value should be
    divergence.py    the first that diverges, by the network's own graph

`files.py`, `cut.py` and `weights.py` are the worker tasks; `artifact.py` is the side that asks for them.
"""
