"""The one error that a user may cause, and how any exception is told in one line."""

from __future__ import annotations

import functools
import re
import traceback
from pathlib import Path

_PACKAGE = Path(__file__).parent
_MAX_RAISED = 300
_BEGINNING = 40
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What colors a text in a terminal."""


class RequestError(Exception):
    """The request itself was wrong: bad name, bad file, bad folder. The command line exits 2.

    The message is one line that says what is wrong, where, and what to do next.
    """


def one_line(text: object, limit: int = 400) -> str:
    """Fold any message, such as a library's exception, into one printable line of at most `limit` characters."""
    line = " ".join(_ESCAPE.sub("", str(text)).split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def raised(error: BaseException) -> str:
    """Returns an exception in one line: its type, its message, and the place in the user's own code if it has one.

    Libraries wrap exceptions in others that say only in which step they fell: the first exception of such a chain,
    which says what was wrong, comes first, unless the last one repeats it.
    "ValueError: no such layer (net.py:12 in forward)".
    """
    first = error
    while first.__cause__ is not None and not isinstance(first, RequestError):
        first = first.__cause__
    text = _named(error if _repeats(error, first) else first)
    if first is not error and str(error) and str(error) not in text:
        text = f"{text}; {_named(error)}"
    place = next(filter(None, map(_place, (first, error))), "")
    return one_line(text, _MAX_RAISED) + (f" ({place})" if place else "")


def _repeats(error: BaseException, first: BaseException) -> bool:
    """Returns whether `error` says itself what the first exception of its chain said, perhaps only its beginning."""
    said = one_line(first, _BEGINNING)[: _BEGINNING - 1]
    return bool(said) and said in " ".join(str(error).split())


def _named(error: BaseException) -> str:
    if isinstance(error, RequestError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _place(error: BaseException) -> str:
    """Returns the innermost line outside of this package and of installed libraries. Empty: there is none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not _is_library(frame.filename):
            return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    return ""


def _is_library(file: str) -> bool:
    # Generated code has no file: "<string>", "<eval_with_key>.8".
    return file.startswith(("<", *_libraries())) or Path(file).is_relative_to(_PACKAGE)


@functools.cache
def _libraries() -> tuple[str, ...]:
    import sysconfig

    return tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
