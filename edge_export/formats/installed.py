"""Check which formats can be compiled here. Each format has its own extra of this package."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from edge_export.errors import RequestError
from edge_export.formats import FORMATS


def why_not_installed(format_name: str, backend: str = "") -> str | None:
    """Returns None if all that a format and its backend need is installed, else what is missing and how to install it.

    An empty backend is the format's first.
    """
    missing = missing_imports(format_name, backend)
    return f"no {', '.join(missing)}: {install_line(format_name, backend)}" if missing else None


def missing_imports(format_name: str, backend: str = "") -> list[str]:
    """Returns the modules that a format and its backend need and that are not installed. Imports nothing."""
    known = FORMATS[format_name]
    own = known.others[backend].imports if backend in known.others else ()
    return [name for name in known.imports + own if find_spec(name) is None]


def install_line(format_name: str, backend: str = "") -> str:
    """Returns the command that installs a format and its backend: extras, or its packages if it has no extra."""
    known = FORMATS[format_name]
    own = known.others[backend].extra if backend in known.others else ""
    extras = ",".join(filter(None, [known.extra, own]))
    return f"pip install edge_export[{extras}]" if extras else f"pip install {' '.join(known.packages)}"


def require_installed(wanted: Iterable[tuple[str, str]]) -> None:
    """Checks, before any work, that formats can be compiled here, each by a backend. An empty one is the first.

    Raises:
        RequestError: Some are not installed. The message names all of them, each with the command that installs it.
    """
    reasons = {
        f"{name} for {backend}" if backend in FORMATS[name].others else name: why_not_installed(name, backend)
        for name, backend in wanted
    }
    if missing := [f"{name} ({reason})" for name, reason in reasons.items() if reason]:
        raise RequestError(f"formats that are not installed here: {'; '.join(missing)}")
