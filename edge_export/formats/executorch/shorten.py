"""An XNNPACK delegate's graph in fewer words, the same numbers coming out.

    1 × 1 convolution of int8                         → fully connected layer: the same product, without a geometry
    mean over a picture, its axes kept, moved, viewed → the mean without them
    scales of biases, debug handles                   → left out: a bias has the scale of its input times that of its
                                                        weights, whatever is written
    sizes of constants                                → left out: ExecuTorch 1.4.1 does not read them; later ones check
                                                        that a constant ends inside of the file, and without a size
                                                        only that it begins there. A manifest's sha256 sees more

A graph is what `FlatBufferSchema` reads: nodes and values are (tag, fields), and a field that is 0 is missing. Value 0
can only be one of the first node's, as values are numbered in the order of nodes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

Graph = dict[str, Any]
Fields = dict[str, Any]

# Tags of the schema's unions, its scalar types and a flag of XNNPACK's.
_FULLY_CONNECTED, _TRANSPOSE, _CONVOLUTION, _MEAN, _RESHAPE = 2, 5, 7, 19, 20
_ONE_SCALE = 2
_INT8, _INT32_BIAS = 3, 5
_KEEP_AXES = 64
_CHANNELS_FIRST = [0, 3, 1, 2]


def shorten(graph: Graph) -> None:
    """Change `graph` in place."""
    for node in graph["xnodes"]:
        node.pop("debug_handle", None)
    for constant in graph["constant_data"]:
        constant.pop("size", None)
    for _, value in (each["xvalue_union"] for each in graph["xvalues"]):
        tag, _ = value.get("quant_params", (0, {}))
        if tag == _ONE_SCALE and tensor_of(value).get("datatype") == _INT32_BIAS:
            value["quant_params"] = tag, {"scale": 1.0}
    _connect_fully(graph)
    _drop_kept_axes(graph)


def tensor_of(value: Fields) -> Fields:
    """The tensor of a value, quantized or not."""
    tensor: Fields = value.get("tensor_value", value)
    return tensor


def _connect_fully(graph: Graph) -> None:
    tensors, readers = _tensors(graph), _readers(graph)
    for node in graph["xnodes"]:
        tag, fields = node["xnode_union"]
        if tag != _CONVOLUTION or tensors[fields.get("input1_id", 0)].get("datatype") != _INT8:
            continue
        ones = [fields.get(f"{name}_{axis}") for name in ("kernel", "subsampling") for axis in ("height", "width")]
        padded = any(fields.get(f"padding_{side}", 0) for side in ("top", "right", "bottom", "left"))
        if {*ones, fields.get("groups")} != {1} or padded or readers[fields["filter_id"]] > 1:
            continue
        kept = {name: fields[name] for name in ("input1_id", "filter_id", "bias_id", "output_id") if name in fields}
        node["xnode_union"] = _FULLY_CONNECTED, kept
        weight = tensors[fields["filter_id"]]
        weight["num_dims"], weight["dims"] = 2, [weight["dims"][0], weight["dims"][3]]


def _drop_kept_axes(graph: Graph) -> None:
    tensors, readers = _tensors(graph), _readers(graph)
    by_input = {fields.get("input_id"): (tag, fields) for tag, fields in _nodes(graph)}
    nodes, values = set[int](), set[int]()
    for tag, mean in _nodes(graph):
        between = mean.get("output_id")
        if tag != _MEAN or mean.get("flags") != _KEEP_AXES or not between:
            continue
        batch, _, _, channels = tensors[between]["dims"]
        moved, move = by_input.get(between, (0, {}))
        viewed, view = by_input.get(move.get("output_id"), (0, {}))
        found = (moved, move.get("perm"), viewed, view.get("new_shape"))
        if found != (_TRANSPOSE, _CHANNELS_FIRST, _RESHAPE, [batch, channels]):
            continue
        if readers[between] == readers[move["output_id"]] == 1:
            nodes |= {id(move), id(view)}
            values |= {between, move["output_id"]}
            mean["output_id"] = view["output_id"]
            del mean["flags"]
    graph["xnodes"] = [n for n in graph["xnodes"] if id(n["xnode_union"][1]) not in nodes]
    graph["xvalues"] = [v for v in graph["xvalues"] if tensor_of(v["xvalue_union"][1]).get("id_out", 0) not in values]


def _nodes(graph: Graph) -> list[tuple[int, Fields]]:
    return [node["xnode_union"] for node in graph["xnodes"]]


def _tensors(graph: Graph) -> dict[int, Fields]:
    """Each value's tensor by its number."""
    tensors = [tensor_of(each["xvalue_union"][1]) for each in graph["xvalues"]]
    return {tensor.get("id_out", 0): tensor for tensor in tensors}


def _readers(graph: Graph) -> Counter[int]:
    """How many nodes read each value; the graph's outputs are read from outside."""
    read: Counter[int] = Counter(graph.get("output_ids", []))
    for _, fields in _nodes(graph):
        read.update(number for name, number in fields.items() if name.endswith("_id") and name != "output_id")
    return read
