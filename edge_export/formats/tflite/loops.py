"""ONNX's Scan → Loop, which onnx2tf writes as a WHILE of TFLite.

    Scan(states, xs) → states, ys    in turn t: states, ys[t] = body(states, xs[t])
    Loop(states, xs, ys)             in turn t: states, y = body(states, xs[t]),  ys = [ys[1:], y]

A body of TFLite sees nothing around it, so constants go into it, and xs and all else that it reads is carried from turn
to turn. ys moves by one place in each turn: after the last one, the first y is in the first place. onnx2tf copies all
that is carried by two reshapes to the same shape; without them, 4000 steps of 64 features take a third of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def with_loops(model: ModelProto) -> ModelProto:
    """Writes each Scan of a model as a Loop, in place, and returns the model."""
    if any(node.op_type == "Scan" for node in model.graph.node):
        nodes = [_loop(model, node) if node.op_type == "Scan" else node for node in model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return model


def _loop(model: ModelProto, scan: NodeProto) -> NodeProto:
    """Returns the Loop of a Scan over the first axis. Adds its constants to the model."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    attributes = {attribute.name: attribute for attribute in scan.attribute}
    body = attributes["body"].g
    first = len(body.input) - attributes["num_scan_inputs"].i
    prefix = f"{scan.name or scan.output[0]}/"
    constants = {each.name: each for each in model.graph.initializer}
    made = {each.name for each in body.input} | {name for node in body.node for name in node.output}
    read = {name for node in body.node for name in node.input if name} - made
    outer = sorted(read - constants.keys())
    types = {name: _type(model, name) for name in (*scan.input, *outer)}
    turns = types[scan.input[first]][1][0]

    def constant(name: str, values: Any) -> str:
        body.initializer.append(numpy_helper.from_array(np.asarray(values), prefix + name))
        return prefix + name

    def around(name: str, values: Any) -> str:
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), prefix + name))
        return prefix + name

    body.initializer.extend(constants[name] for name in sorted(read & constants.keys()))
    zero, one, end = (constant(name, [at]) for name, at in (("zero", 0), ("one", 1), ("end", turns)))
    turn, condition = f"{prefix}turn", f"{prefix}condition"
    given, results, before = list(body.input[:first]), list(body.output[:first]), []
    after = [helper.make_node("Identity", [condition], [f"{condition}/next"])]

    def carried(name: str, kind: tuple[int, list[int]], is_changed: bool = False) -> None:
        """Adds a value that goes from turn to turn; if it is not changed, as it is."""
        given.append(helper.make_tensor_value_info(name, *kind))
        results.append(helper.make_tensor_value_info(f"{name}/next", *kind))
        if not is_changed:
            after.append(helper.make_node("Identity", [name], [f"{name}/next"]))

    arguments, outputs = list(scan.input[:first]), list(scan.output[:first])
    for number, (row, name) in enumerate(zip(body.input[first:], scan.input[first:], strict=True)):
        before.append(helper.make_node("Gather", [f"{prefix}xs{number}", turn], [row.name], axis=0))
        carried(f"{prefix}xs{number}", types[name])
        arguments.append(name)
        outputs.append(f"{prefix}xs{number}/last")
    for name in outer:
        carried(name, types[name])
        arguments.append(name)
        outputs.append(f"{prefix}{name}/last")
    for number, (row, name) in enumerate(zip(body.output[first:], scan.output[first:], strict=True)):
        ys, kind = f"{prefix}ys{number}", row.type.tensor_type.elem_type
        shape = [turns, *(each.dim_value for each in row.type.tensor_type.shape.dim)]
        after.append(helper.make_node("Slice", [ys, one, end, zero], [f"{ys}/rest"]))
        after.append(helper.make_node("Unsqueeze", [row.name, zero], [f"{ys}/row"]))
        after.append(helper.make_node("Concat", [f"{ys}/rest", f"{ys}/row"], [f"{ys}/next"], axis=0))
        carried(ys, (kind, shape), is_changed=True)
        arguments.append(around(f"ys{number}/first", np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind))))
        outputs.append(name)
    nodes = [*before, *body.node, *after]
    for node in nodes:
        node.name = node.name or f"{node.output[0]}/node"
    inner = helper.make_graph(
        nodes,
        f"{prefix}body",
        [
            helper.make_tensor_value_info(turn, TensorProto.INT64, []),
            helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
            *given,
        ],
        [helper.make_tensor_value_info(f"{condition}/next", TensorProto.BOOL, []), *results],
        initializer=list(body.initializer),
        value_info=list(body.value_info),
    )
    head = [around("turns", np.array(turns, np.int64)), around("go", np.array(True))]
    return helper.make_node("Loop", [*head, *arguments], outputs, name=f"{prefix}loop", body=inner)


def _type(model: ModelProto, name: str) -> tuple[int, list[int]]:
    """Returns the element type and the shape of a value of the main graph."""
    for each in model.graph.initializer:
        if each.name == name:
            return each.data_type, list(each.dims)
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        if value.name == name:
            tensor = value.type.tensor_type
            return tensor.elem_type, [each.dim_value for each in tensor.shape.dim]
    raise ValueError(f"the ONNX model does not state the shape of {name}")


def without_copies(content: bytes) -> bytes:
    """Returns the file, changed where the body of a WHILE copies its results by reshapes to the same shape."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    stored = schema.Model.GetRootAs(content)
    codes = [stored.OperatorCodes(index).BuiltinCode() for index in range(stored.OperatorCodesLength())]
    if schema.BuiltinOperator.WHILE not in codes:
        return content
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)

    def operators(graph: Any, name: str) -> list[Any]:
        number = getattr(schema.BuiltinOperator, name)
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
        return [each for each in graph.operators or () if codes[each.opcodeIndex] == number]

    bodies = {each.builtinOptions.bodySubgraphIndex for graph in model.subgraphs for each in operators(graph, "WHILE")}
    for graph in (model.subgraphs[index] for index in sorted(bodies)):
        copies = {
            int(each.outputs[0]): each
            for each in operators(graph, "RESHAPE")
            if list(graph.tensors[each.inputs[0]].shape) == list(graph.tensors[each.outputs[0]].shape)
        }
        graph.outputs = [_source(int(index), copies) for index in graph.outputs]
        for copy in reversed(copies.values()):
            used = {int(index) for each in graph.operators for index in each.inputs} | set(graph.outputs)
            if int(copy.outputs[0]) not in used:
                graph.operators.remove(copy)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _source(index: int, copies: dict[int, Any]) -> int:
    while index in copies:
        index = int(copies[index].inputs[0])
    return index
