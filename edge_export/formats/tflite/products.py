"""BATCH_MATMUL with constant weights → operators that every version of XNNPACK takes, in a float32 `.tflite` file.

    x (B, M, K) · W (B, K, N)
        B = 1        FULLY_CONNECTED with Wᵀ
        M = 1        CONV_2D 1×1 of x as (1, 1, 1, B K), in B groups: only reshapes
        otherwise    the same of x as (1, 1, M, B K), between two transpositions
    W (B, M, K) · x (B, K, N)
        the same of xᵀ, between two transpositions of a matrix

The XNNPACK of TFLite 2.16.1, the last one that Maven Central has, takes no BATCH_MATMUL, and the built-in kernel takes
20 times as long and more. LiteRT's takes it; there, reshapes and transpositions cost a separator up to 10 %. Weights
that several operators share are still stored once. The names of what is computed here begin with PREFIX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_export.formats.tflite.flatbuffer_sharing import write

PREFIX = "grouped_product/"
_CONV_2D_VERSION = 6  # the first with groups
_FULLY_CONNECTED_VERSION = 5  # the first that keeps the dimensions


def grouped(float32: bytes) -> bytes:
    """Returns the file `float32` without BATCH_MATMUL of constant weights."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(float32), 0)
    rewritten = [_Graph(schema, model, graph).rewrite() for graph in model.subgraphs]
    if not any(rewritten):
        return float32
    _drop_unused(model)
    return write(model)


def _drop_unused(model: Any) -> None:
    """Drops tensors that no operator, input or output names, and buffers that no tensor or metadata names."""
    for number, graph in enumerate(model.subgraphs):
        signatures = [each for each in model.signatureDefs or () if each.subgraphIndex == number]
        named = [entry for each in signatures for entry in (*each.inputs, *each.outputs)]
        lists = [(o, field) for o in graph.operators for field in ("inputs", "outputs")]
        lists += [(graph, "inputs"), (graph, "outputs")]
        used = {int(index) for owner, field in lists for index in getattr(owner, field) if index >= 0}
        kept = sorted(used | {int(entry.tensorIndex) for entry in named})
        place = {-1: -1} | {old: new for new, old in enumerate(kept)}
        for owner, field in lists:
            setattr(owner, field, [place[int(index)] for index in getattr(owner, field)])
        for entry in named:
            entry.tensorIndex = place[int(entry.tensorIndex)]
        graph.tensors = [graph.tensors[index] for index in kept]
    holders = [tensor for graph in model.subgraphs for tensor in graph.tensors] + list(model.metadata or ())
    buffers = sorted({0, *(int(each.buffer) for each in holders)})
    place = {old: new for new, old in enumerate(buffers)}
    for each in holders:
        each.buffer = place[int(each.buffer)]
    model.buffers = [model.buffers[index] for index in buffers]


class _Graph:
    """One graph while it is rewritten."""

    def __init__(self, schema: Any, model: Any, graph: Any) -> None:
        self.schema, self.model, self.graph = schema, model, graph
        self.operators: list[Any] = []
        self.made: dict[Any, int] = {}  # transposed weights and inputs, zeros, shapes

    def rewrite(self) -> bool:
        """Returns whether there was something to rewrite."""
        found = False
        for operator in self.graph.operators or ():
            if self._is(operator, "BATCH_MATMUL") and self._rewrite(operator):
                found = True
            else:
                self.operators.append(operator)
        if found:
            self._drop_reshapes_of_reshapes()
            self.graph.operators = self.operators
        return found

    def _rewrite(self, operator: Any) -> bool:
        """Returns whether an operator is a product of two equal stacks, one of them constant, and was rewritten."""
        left, right = (int(index) for index in operator.inputs)
        options = operator.builtinOptions
        transposed_left, transposed_right = bool(options.adjX), bool(options.adjY)
        constant = [self._constant(index) for index in (left, right)]
        stacks = [(len(shape), shape[:1]) for shape in map(self._shape, (left, right))]
        floats = all(self.graph.tensors[index].type == self.schema.TensorType.FLOAT32 for index in (left, right))
        if not floats or stacks[0][0] != 3 or stacks[0] != stacks[1] or constant[0] == constant[1]:
            return False
        if constant[1] and not transposed_left:
            self._with_right_weights(left, right, int(operator.outputs[0]), transposed=transposed_right)
        elif constant[0] and not transposed_right:
            self._with_left_weights(left, right, int(operator.outputs[0]), transposed=transposed_left)
        else:
            return False
        return True

    def _with_right_weights(self, x: int, weight: int, output: int, *, transposed: bool) -> None:
        batch, rows, size = self._shape(x)
        columns = self._shape(output)[2]
        axes = (0, 1, 2) if transposed else (0, 2, 1)
        if batch == 1:
            matrix = self._weights(weight, axes, (columns, size))
            self._fully_connected(x, matrix, output)
            if output not in self.graph.outputs:
                self.graph.tensors[output].name = self._name(output, output)
            return
        matrix = self._weights(weight, axes, (batch * columns, 1, 1, size))
        side = x if rows == 1 else self._transposed(x, (1, 0, 2))
        wide = self._reshaped(side, (1, 1, rows, batch * size))
        product = self._convolved(wide, matrix, (*self._shape(wide)[:3], batch * columns), output)
        if rows == 1:
            self._reshape(product, (batch, rows, columns), output)
        else:
            self._transpose(self._reshaped(product, (rows, batch, columns)), (1, 0, 2), output)

    def _with_left_weights(self, weight: int, x: int, output: int, *, transposed: bool) -> None:
        batch, size, columns = self._shape(x)
        rows = self._shape(output)[1]
        axes = (0, 2, 1) if transposed else (0, 1, 2)
        turned = self._transposed(self._reshaped(x, (batch * size, columns)), (1, 0))
        if batch == 1:
            matrix = self._weights(weight, axes, (rows, size))
            product = self._tensor((columns, rows), output)
            self._fully_connected(turned, matrix, product)
        else:
            matrix = self._weights(weight, axes, (batch * rows, 1, 1, size))
            wide = self._reshaped(turned, (1, 1, columns, batch * size))
            product = self._convolved(wide, matrix, (1, 1, columns, batch * rows), output)
            product = self._reshaped(product, (columns, batch * rows))
        back = self._tensor((batch * rows, columns), output)
        self._transpose(product, (1, 0), back)
        self._reshape(back, (batch, rows, columns), output)

    def _convolved(self, x: int, weight: int, shape: tuple[int, ...], named_after: int) -> int:
        options = self.schema.Conv2DOptionsT()
        options.padding = self.schema.Padding.VALID
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        output = self._tensor(shape, named_after)
        self._add("CONV_2D", _CONV_2D_VERSION, (x, weight, self._zeros(shape[-1])), output, "Conv2DOptions", options)
        return output

    def _fully_connected(self, x: int, weight: int, output: int) -> None:
        options = self.schema.FullyConnectedOptionsT()
        options.keepNumDims = True
        inputs = (x, weight, self._zeros(self._shape(weight)[0]))
        self._add("FULLY_CONNECTED", _FULLY_CONNECTED_VERSION, inputs, output, "FullyConnectedOptions", options)

    def _reshaped(self, x: int, shape: tuple[int, ...]) -> int:
        return x if self._shape(x) == shape else self._reshape(x, shape, self._tensor(shape, x))

    def _reshape(self, x: int, shape: tuple[int, ...], output: int) -> int:
        options = self.schema.ReshapeOptionsT()
        options.newShape = list(shape)
        self._add("RESHAPE", 1, (x, self._integers(shape)), output, "ReshapeOptions", options)
        return output

    def _transposed(self, x: int, axes: tuple[int, ...]) -> int:
        key = ("transposed", x, axes)
        if key not in self.made:
            shape = self._shape(x)
            self.made[key] = self._tensor(tuple(shape[axis] for axis in axes), x)
            self._transpose(x, axes, self.made[key])
        return self.made[key]

    def _transpose(self, x: int, axes: tuple[int, ...], output: int) -> None:
        options = self.schema.TransposeOptionsT()
        self._add("TRANSPOSE", 1, (x, self._integers(axes)), output, "TransposeOptions", options)

    def _add(self, name: str, version: int, inputs: Sequence[int], output: int, kind: str, options: Any) -> None:
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._code(name, version)
        operator.inputs, operator.outputs = list(inputs), [output]
        operator.builtinOptionsType, operator.builtinOptions = getattr(self.schema.BuiltinOptions, kind), options
        self.operators.append(operator)

    def _code(self, name: str, version: int) -> int:
        number = getattr(self.schema.BuiltinOperator, name)
        for index, code in enumerate(self.model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == number:
                code.version = max(code.version, version)
                return index
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = version
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def _weights(self, index: int, axes: tuple[int, ...], shape: tuple[int, ...]) -> int:
        """Returns constant `index` with its axes in another order, then in another shape: once for all its uses."""
        import numpy as np

        key = (self.graph.tensors[index].buffer, axes, shape)
        if key not in self.made:
            values = np.frombuffer(bytes(self._buffer(index)), np.float32).reshape(self._shape(index))
            moved = np.ascontiguousarray(values.transpose(axes)).reshape(shape)
            self.made[key] = self._stored(moved, self.schema.TensorType.FLOAT32, index)
        return self.made[key]

    def _zeros(self, size: int) -> int:
        import numpy as np

        key = ("zeros", size)
        if key not in self.made:
            self.made[key] = self._stored(np.zeros(size, np.float32), self.schema.TensorType.FLOAT32, None)
        return self.made[key]

    def _integers(self, values: tuple[int, ...]) -> int:
        import numpy as np

        key = ("integers", values)
        if key not in self.made:
            self.made[key] = self._stored(np.array(values, np.int32), self.schema.TensorType.INT32, None)
        return self.made[key]

    def _stored(self, values: Any, kind: int, named_after: int | None) -> int:
        import numpy as np

        self.model.buffers.append(self.schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        return self._tensor(values.shape, named_after, kind=kind, buffer=len(self.model.buffers) - 1)

    def _tensor(self, shape: tuple[int, ...], named_after: int | None, *, kind: int = 0, buffer: int = 0) -> int:
        index = len(self.graph.tensors)
        name = self._name(index, named_after)
        self.graph.tensors.append(self.schema.TensorT(list(map(int, shape)), kind, buffer=buffer, name=name))
        return index

    def _name(self, index: int, named_after: int | None) -> bytes:
        """Returns a name that no other tensor has, and that says which tensor it is made for."""
        source: bytes = self.graph.tensors[named_after].name if named_after is not None else b""
        return PREFIX.encode() + source.removeprefix(PREFIX.encode()).partition(b"#")[0] + f"#{index}".encode()

    def _drop_reshapes_of_reshapes(self) -> None:
        """Lets a reshape read what another one reads, and drops those that nothing reads any more."""
        source = {int(o.outputs[0]): int(o.inputs[0]) for o in self.operators if self._is(o, "RESHAPE")}
        for operator in self.operators:
            if self._is(operator, "RESHAPE"):
                while operator.inputs[0] in source:
                    operator.inputs[0] = source[int(operator.inputs[0])]
        used = {int(index) for o in self.operators for index in o.inputs} | set(map(int, self.graph.outputs))
        self.operators = [o for o in self.operators if not self._is(o, "RESHAPE") or int(o.outputs[0]) in used]

    def _is(self, operator: Any, name: str) -> bool:
        code = self.model.operatorCodes[operator.opcodeIndex]
        return bool(max(code.builtinCode, code.deprecatedBuiltinCode) == getattr(self.schema.BuiltinOperator, name))

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(map(int, self.graph.tensors[index].shape))

    def _buffer(self, index: int) -> Any:
        return self.model.buffers[self.graph.tensors[index].buffer].data

    def _constant(self, index: int) -> bool:
        data = self._buffer(index)
        return data is not None and len(data) > 0
