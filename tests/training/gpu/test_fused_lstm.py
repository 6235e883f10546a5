"""The fused LSTM computes what nn.LSTM does, forwards and backwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_export.training.gpu.fused_masks import HIDDEN

TOLERANCE = 1e-5
MISSING = "Triton, which torch requires on Linux alone, is missing"


@pytest.fixture(scope="module")
def interpreted() -> dict[str, Any]:
    pytest.importorskip("triton", reason=MISSING)
    script = Path(__file__).with_name("interpreted_lstm.py")
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("case", ["one way", "both ways", "three, one step"])
def test_values_and_gradients_are_those_of_nn_lstm(interpreted: dict[str, Any], case: str) -> None:
    errors = interpreted["errors"][case]
    assert {"output", "x", "0.weight_ih_l0", "0.weight_hh_l0", "0.bias_ih_l0", "0.bias_hh_l0"} <= errors.keys()
    assert max(errors.values()) < TOLERANCE, errors


def test_masks_with_it_are_those_of_the_network(interpreted: dict[str, Any]) -> None:
    assert (interpreted["chosen"], interpreted["problem"]) == ("fused_lstms", "")
    assert max(interpreted["errors"]["masks"].values()) < 1e-3, interpreted["errors"]["masks"]


def test_a_weight_that_moved_is_seen(interpreted: dict[str, Any]) -> None:
    errors = interpreted["errors"]["moved"]
    assert min(errors[name] for name in ("output", "x", "0.weight_ih_l0", "0.weight_hh_l0")) > TOLERANCE, errors


@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_kernels_compile_for_a_gpu(hidden: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason=MISSING)
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from edge_export.training.gpu import lstm_kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))  # an empty one, so that it does compile
    types = dict.fromkeys(("gates", "hidden_weights", "outputs", "output_gradients"), "*bf16")
    types |= {"cells": "*fp32", "weight_gradients": "*fp32", "S": "i32", "T": "i32", "D": "i32"}
    constants = {"DIRECTIONS": 2, "H": hidden, "BLOCK": 16, "TYPE": triton.language.bfloat16}
    for kernel in (lstm_kernels.forward_kernel, lstm_kernels.backward_kernel):
        signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
        fixed = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
        compiled = triton.compile(ASTSource(kernel, signature, fixed), target=GPUTarget("cuda", 90, 32))
        assert compiled.asm["cubin"].startswith(b"\x7fELF")
