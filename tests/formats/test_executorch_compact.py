"""A compact `.pte` file holds less and computes the same."""

from __future__ import annotations

from pathlib import Path

import executorch_members as recurrent
import numpy as np
import pytest
import reduced_members as reduced
from executorch.exir._serialize._program import deserialize_pte_binary

from edge_export.formats.executorch.compact import compact

pytestmark = pytest.mark.slow


def test_it_computes_the_same_in_fewer_bytes(tmp_path: Path) -> None:
    done = reduced.compiled(reduced.DIGITS, "executorch", "fp32")
    original = Path(done["path"]).read_bytes()
    content = compact(original)
    assert len(content) < len(original) - 6000
    assert compact(original) == content
    (tmp_path / "compact.pte").write_bytes(content)
    outputs = reduced.run(reduced.DIGITS, done | {"path": str(tmp_path / "compact.pte")}, tmp_path)
    assert np.array_equal(outputs["logits"], reduced.run(reduced.DIGITS, done, tmp_path)["logits"])


def test_constants_that_are_computed_with_outlive_the_payload(tmp_path: Path) -> None:
    original = recurrent.compiled("fp32")["path"]
    content = compact(Path(original).read_bytes())
    named = deserialize_pte_binary(content).named_data
    sizes = {len(named.buffers[entry.buffer_index]) for entry in named.pte_data.values()}
    assert sizes == {2 * 64 * 64 * 4}  # the matrices of batched products; those of the layers are in the payload
    (tmp_path / "compact.pte").write_bytes(content)
    images = recurrent.calls(seed=1)["image"]
    wanted = recurrent.streamed(original, tmp_path, images)
    assert np.array_equal(recurrent.streamed(str(tmp_path / "compact.pte"), tmp_path, images), wanted)
