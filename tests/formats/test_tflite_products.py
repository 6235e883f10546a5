"""Products with stacked weights in `.tflite` files: BATCH_MATMUL, or what old versions of XNNPACK are fast at."""

from __future__ import annotations

from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
import stacked_products as stacked
from ai_edge_litert import schema_py_generated as schema
from safetensors.numpy import load_file, save_file

from edge_export.formats.tflite.products import grouped
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import agreement
from edge_export.workers import WorkerError


def snr_db(file: CompiledFile, folder: Path) -> float:
    save_file(stacked.inputs(), folder / "inputs.safetensors")
    request = RunRequest(file=file, inputs=folder / "inputs.safetensors", outputs=folder / "outputs.safetensors")
    members.ask(RUN, request, "tflite")
    return agreement(stacked.expected(), load_file(request.outputs)["mixed"]).snr_db


def test_by_default_no_file_has_a_batched_product() -> None:
    operators = members.inspect(stacked.compiled("grouped").path).operators
    assert "BATCH_MATMUL" not in operators
    assert operators["CONV_2D"] == 1 + 5
    assert members.inspect(stacked.compiled("batched").path).operators["BATCH_MATMUL"] == stacked.PRODUCTS


@pytest.mark.parametrize("products", ["grouped", "batched"])
def test_both_forms_agree_with_pytorch(products: str, tmp_path: Path) -> None:
    assert snr_db(stacked.compiled(products), tmp_path) > 110


def test_weights_that_are_used_twice_are_stored_once() -> None:
    model = schema.ModelT.InitFromPackedBuf(bytearray(stacked.compiled("grouped").path.read_bytes()), 0)
    weights = stacked.network().twice.detach().numpy().transpose(0, 2, 1)
    bytes_of_each = [bytes(buffer.data) for buffer in model.buffers if buffer.data is not None]
    assert bytes_of_each.count(np.ascontiguousarray(weights).tobytes()) == 1
    assert stacked.network().twice.detach().numpy().tobytes() not in bytes_of_each  # what it was made of is gone
    names = [tensor.name for graph in model.subgraphs for tensor in graph.tensors]
    assert len(set(names)) == len(names)


def test_a_file_without_such_products_stays_as_it_is() -> None:
    path, _ = members.compiled("classifier", "tflite")
    content = path.read_bytes()
    assert grouped(content) == content


@pytest.mark.parametrize(("precision", "scheme", "limit_db"), [("fp16", "", 50), ("int8", "dynamic", 25)])
def test_other_precisions_keep_the_form(precision: str, scheme: str, limit_db: float, tmp_path: Path) -> None:
    file = stacked.compiled("grouped", precision, scheme)
    assert "BATCH_MATMUL" not in members.inspect(file.path).operators
    assert snr_db(file, tmp_path) > limit_db


def test_layers_that_quantize_their_inputs_do_so_asymmetrically() -> None:
    """TFLite's own kernels on Arm forget the scales of channels otherwise."""
    content = stacked.compiled("grouped", "int8", "dynamic").path.read_bytes()
    (graph,) = schema.ModelT.InitFromPackedBuf(bytearray(content), 0).subgraphs
    dynamic = [
        operator.builtinOptions
        for operator in graph.operators
        if isinstance(operator.builtinOptions, schema.FullyConnectedOptionsT)
        and graph.tensors[operator.inputs[1]].type == schema.TensorType.INT8
    ]
    assert dynamic
    assert all(options.asymmetricQuantizeInputs for options in dynamic)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(WorkerError, match="option products must be one of"):
        stacked.compiled("dense")
