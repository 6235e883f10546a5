"""Check which formats can be compiled here. Each format has its own extra of this package."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from edge_export.errors import RequestError
from edge_export.formats import FORMATS


def why_not_installed(format_name: str) -> str | None:
    """Returns None if everything that a format needs is installed, otherwise what is missing and how to install it."""
    missing = missing_imports(format_name)
    return f"no {', '.join(missing)}: {install_line(format_name)}" if missing else None


def missing_imports(format_name: str) -> list[str]:
    """Returns the modules that a format needs and that are not installed. Imports nothing."""
    return [name for name in FORMATS[format_name].imports if find_spec(name) is None]


def install_line(format_name: str) -> str:
    """Returns the command that installs a format: its extra, or its packages if it has no extra."""
    known = FORMATS[format_name]
    return f"pip install edge_export[{known.extra}]" if known.extra else f"pip install {' '.join(known.packages)}"


def require_installed(format_names: Iterable[str]) -> None:
    """Checks, before any work, that the formats can be compiled here.

    Raises:
        RequestError: Some are not installed. The message names all of them, each with the command that installs it.
    """
    reasons = {name: why_not_installed(name) for name in format_names}
    if missing := [f"{name} ({reason})" for name, reason in reasons.items() if reason]:
        raise RequestError(f"formats that are not installed here: {'; '.join(missing)}")
