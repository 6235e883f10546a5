"""The operators of a `.tflite` file by name."""

from __future__ import annotations

from typing import Any


def operator_name(schema: Any, code: Any) -> str:
    """Returns the name of an operator code, such as "CONV_2D" or "custom MyOperator"."""
    if code.customCode:
        custom = code.customCode
        return f"custom {custom.decode(errors='replace') if isinstance(custom, bytes) else custom}"
    # Files written before TensorFlow Lite had 127 operators have the number in the older, smaller field.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return next(str(name) for name, value in vars(schema.BuiltinOperator).items() if value == number)


def operator_versions(content: bytes) -> dict[str, int]:
    """Returns the operators that a file uses, in the order of their names, each with its highest version."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    used = {operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators or ()}
    codes = [model.operatorCodes[index] for index in used]
    versions: dict[str, int] = {}
    for name, version in sorted((operator_name(schema, code), int(code.version)) for code in codes):
        versions[name] = version
    return versions
