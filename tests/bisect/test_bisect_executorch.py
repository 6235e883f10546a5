"""An ExecuTorch program, whose delegate shows nothing inside, is bisected: lowered wrongly, or changed afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_export.bisect.cut import Cut
from edge_export.bisect.prefixes import Lowering, bisect_by_prefixes, first_divergence
from edge_export.bisect.values import Row
from edge_export.files.arrays import save_arrays
from edge_export.formats.compile import compile_in_worker
from edge_export.spec.agreement import Agreement
from edge_export.workers import Pool
from tests.compiled_members import MEMBERS, compile_request, compiled, network, pool, program, samples

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lowering(tmp_path) -> Lowering:
    save_arrays(tmp_path / "samples.safetensors", samples("classifier", 4))
    return Lowering(
        format="executorch",
        program=program("classifier"),
        io=MEMBERS["classifier"][1],
        samples=tmp_path / "samples.safetensors",
        precision="fp32",
        options={"backend": "xnnpack"},
        calibration=None,
        snr_db=90,
        workdir=tmp_path / "work",
    )


def test_a_file_that_agrees(lowering, tmp_path):
    path, _ = compiled("classifier", "executorch")
    found = bisect_by_prefixes(pool(), "pte", path, lowering, tmp_path / "log")
    assert not found.diverges
    assert found.first == ""


def test_a_weight_that_was_changed_in_the_file(lowering, tmp_path):
    path, _ = compiled("classifier", "executorch")
    weight = network("classifier").depthwise.weight.detach().numpy()
    other = weight.copy()
    other[2, 0, 1, 1] += 1.0
    data = path.read_bytes()
    orders = [(np.moveaxis(w, 1, -1), np.moveaxis(o, 1, -1)) for w, o in [(weight, other)]]
    orders += [(np.moveaxis(w, 0, -1), np.moveaxis(o, 0, -1)) for w, o in [*orders]] + [(weight, other)]
    (held,) = {(w.tobytes(), o.tobytes()) for w, o in orders if w.tobytes() in data}
    (tmp_path / "changed.pte").write_bytes(data.replace(*held))
    found = bisect_by_prefixes(pool(), "pte", tmp_path / "changed.pte", lowering, tmp_path / "log")
    assert found.diverges
    assert found.first == "depthwise.weight"
    assert [row.layer for row in found.rows] == ["depthwise"]
    assert "the file was changed" in found.note


def test_an_operator_that_is_lowered_wrongly(lowering, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    log = tmp_path / "log"
    with Pool(1, tasks="tests.bisect.faulty_lowering:TABLE") as faulty:
        request = compile_request("classifier", "executorch", tmp_path / "shipped", backend="xnnpack")
        wrong = compile_in_worker(faulty, request, log)
        found = bisect_by_prefixes(faulty, "pte", request.workdir / wrong.file, lowering, log)
    assert found.diverges
    (first,) = [row for row in found.rows if row.name == found.first]
    assert first.operator == "relu6"
    assert first.snr_db is not None
    assert first.snr_db < 20
    before = found.rows[: found.rows.index(first)]
    assert before
    assert all(row.state == "agrees" for row in before)
    assert all(row.state == "diverges" for row in found.rows[found.rows.index(first) :])


class Search:
    """Answers what each beginning would give: agrees, diverges, or can't be lowered."""

    def __init__(self, answers: str) -> None:
        self.answers = {f"n{index}": answer for index, answer in enumerate(answers)}
        self.cuts = [Cut(name=name, operator="op", layer="") for name in self.answers]
        self.asked: list[str] = []

    def row(self, cut, agreed):
        return Row("op", cut.name, cut.name, "", agreed.snr_db, agreed.max_abs, "diverges")

    def probe(self, cut):
        self.asked.append(cut.name)
        state = {"a": "agrees", "d": "diverges", "x": "no counterpart"}[self.answers[cut.name]]
        return Row("op", cut.name, cut.name, "", None, None, state)


@pytest.mark.parametrize(
    ("answers", "first", "or_first_at"),
    [
        ("d", "n0", ""),
        ("aaaaaaad", "n7", ""),
        ("dddddddd", "n0", ""),
        ("aaadddddddddddd", "n3", ""),
        ("aaxxdddd", "n4", "n2, n3"),
        ("xxxxd", "n4", "n0, n1, n2, n3"),
        ("axaxadxd", "n5", ""),
    ],
)
def test_the_search_ends_at_the_first_divergence(answers, first, or_first_at):
    search = Search(answers)
    found = first_divergence(search, "pte", search.cuts, Agreement(3.0, 1.0, 1.0))
    assert found.first == first
    assert (f"earlier, at {or_first_at}," in found.note) if or_first_at else ("earlier" not in found.note)
    assert len(search.asked) == len(set(search.asked))
    if "x" not in answers:
        assert len(search.asked) <= np.ceil(np.log2(len(answers)))
