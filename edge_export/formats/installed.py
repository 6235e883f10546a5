"""Which formats can be made here: each has an extra of this package, so that one installs without the others."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from edge_export.errors import RequestError
from edge_export.formats import FORMATS


def why_not_installed(format_name: str) -> str | None:
    """None when all that a format needs is installed, or in one line what is missing, and how to install it."""
    missing = missing_imports(format_name)
    return f"no {', '.join(missing)}: {install_line(format_name)}" if missing else None


def missing_imports(format_name: str) -> list[str]:
    """The modules that a format needs and that are not here. Nothing is imported to find out."""
    return [name for name in FORMATS[format_name].imports if find_spec(name) is None]


def install_line(format_name: str) -> str:
    """The line that installs a format: its extra, or the packages of one that has none."""
    known = FORMATS[format_name]
    return f"pip install edge_export[{known.extra}]" if known.extra else f"pip install {' '.join(known.packages)}"


def require_installed(format_names: Iterable[str]) -> None:
    """Make sure, before any work, that the formats can be made here.

    Raises:
        RequestError: Some are not installed; all are named, each with the line that installs it.
    """
    reasons = {name: why_not_installed(name) for name in format_names}
    if missing := [f"{name} ({reason})" for name, reason in reasons.items() if reason]:
        raise RequestError(f"formats that are not installed here: {'; '.join(missing)}")
