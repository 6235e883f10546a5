"""Writes `report.html`: one page that needs no network, of everything that a bundle says.

A template with escaping everywhere (Jinja) makes the page; its plots are SVG (see `plot.py` why no library draws them).
Style and script are inside. A Content-Security-Policy forbids everything else, the network first of all: even a text
that were not escaped could neither run nor load anything. The same bundle gives the same page, bit by bit.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_export.bundle.consistent import require_consistent
from edge_export.bundle.family import costs_of
from edge_export.bundle.folder import Bundle, read_bundle
from edge_export.bundle.perf import Perf, manifest_sha256, read_perf
from edge_export.errors import RequestError
from edge_export.files.atomic import write_atomically
from edge_export.report import costs, facts, goldens, pictures, places, sounds
from edge_export.report.dots import dots_svg
from edge_export.report.plot import key_svg, scatter_svg, style
from edge_export.spec.agreement import SNR_LIMIT_DB
from edge_export.spec.units import count, milliseconds, size

FOLDER = Path(__file__).parent
FILE_NAME = "report.html"
MAX_BYTES = 5_000_000


def write_report(root: Path, out: Path) -> int:
    """Writes the report of the bundle in `root` to `out`, whole or not at all. Returns its size in bytes.

    Raises:
        RequestError: The bundle is damaged, `out` can't be written, or the page would be larger than `MAX_BYTES`.
    """
    if out.is_dir():
        raise RequestError(f"{out} is a folder: give a file as --out")
    bundle = replace(read_bundle(root), root=root.resolve())  # "." has no name
    require_consistent(bundle)
    page = render(bundle, read_perf(bundle)).encode("utf-8")
    if len(page) > MAX_BYTES:
        raise RequestError(
            f"the report of {root} would have {size(len(page))}, the most is {size(MAX_BYTES)}: build fewer members"
        )
    write_atomically(out, page)
    return len(page)


def render(bundle: Bundle, perf: Perf) -> str:
    """Returns the page of a bundle.

    Raises:
        RequestError: Its goldens are damaged.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"size": size, "count": count, "ms": milliseconds, "snr": _snr, "words": _words}
    css, script = style() + _text("page.css"), _text("page.js")
    manifest = bundle.manifest
    return environment.get_template("page.html").render(
        manifest=manifest,
        root=bundle.root.name,
        sha256=manifest_sha256(bundle.root),
        css=css,
        script=script,
        policy=_policy(css, script),
        family=facts.glance(bundle, perf),
        unit=costs_of(manifest.members)[1],
        quality=costs.quality_label(bundle),
        total=facts.tally(artifact.status for member in manifest.members for artifact in member.artifacts),
        costs=costs.cost_plots(bundle, perf),
        rows=facts.rows(bundle, perf),
        stages=facts.stage_rows(bundle),
        artifacts=facts.artifact_rows(bundle),
        deviations=facts.deviations(bundle),
        places=places.places(bundle, perf),
        commands=(facts.build_command(bundle), *places.device_commands(bundle, perf)),
        scatter=scatter_svg,
        dots=dots_svg,
        key=key_svg,
        **_goldens(bundle),
    )


def _goldens(bundle: Bundle) -> dict[str, Any]:
    """Returns what there is to listen to or to look at; `described` is for goldens that are neither."""
    nothing: dict[str, Any] = {"has_goldens": False, "excerpts": (), "pictures": (), "described": ()}
    if goldens.missing(bundle):
        return nothing
    recorded = goldens.read_goldens(bundle)
    io = bundle.manifest.members[0].io
    excerpts = sounds.excerpts_of(recorded, io.stream) if io.stream else ()
    shown = () if io.stream else pictures.goldens_of(recorded, io)
    described = () if excerpts or shown else goldens.described(bundle, recorded)
    return {"has_goldens": True, "excerpts": excerpts, "pictures": shown, "described": described}


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(css: str, script: str) -> str:
    """Returns the page's Content-Security-Policy: its own style and script by their hashes, pictures inside of it."""
    style_hash, script_hash = (
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (css, script)
    )
    own = f"style-src {style_hash}; script-src {script_hash}; img-src data:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _snr(value: float | None) -> str:
    return "" if value is None else "equal" if value >= SNR_LIMIT_DB else f"{value:.1f}"


def _words(tally: dict[str, int]) -> str:
    """Returns {"passed": 7, "failed": 1} as "7 passed, 1 failed"."""
    return ", ".join(f"{number} {status}" for status, number in tally.items()) or "none"
