"""The one error that a user may cause, and how any exception is told in one line."""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Iterable
from pathlib import Path

_PACKAGE = Path(__file__).parent
_MAX_RAISED = 300
_BEGINNING = 40
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What colors a text in a terminal."""
_PLAINLY = (
    (
        "Expected more than 1 value per channel when training",
        "batch norm takes the statistics of the batch, and there is one sample in it: let it use running statistics "
        "in eval mode, not F.batch_norm(training=True) or a layer that stays in training",
    ),
    (
        "data-dependent expression",
        "it branches on values of a tensor, or makes shapes of them: use operators such as torch.where, and fixed "
        "shapes",
    ),
    (
        ".numpy() is not supported for tensor subclasses",
        "it leaves PyTorch for numpy, where nothing can be captured: use PyTorch's operators",
    ),
    (
        "does not have a field with name '__obj_flatten__'",
        "it holds weights that PyTorch has quantized or packed: give the float layers, and int8 as a precision",
    ),
    (
        "Exporting a ScriptModule is not supported",
        "it is TorchScript, whose code is compiled already: give the nn.Module that it was made of",
    ),
    (
        "There was no fake impl registered for",
        "it calls an operator of its own, which no converter knows: write it with PyTorch's operators",
    ),
    (
        "Found no NVIDIA driver",
        "it wants a GPU of NVIDIA: leave out .cuda() and device='cuda', files are made and proven on the CPU",
    ),
    (
        "Torch not compiled with CUDA enabled",
        "it wants a GPU of NVIDIA: leave out .cuda() and device='cuda', files are made and proven on the CPU",
    ),
)
"""What PyTorch says in words of its own inside, and what it means for a user."""
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+),? in (\S+)')


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
    if plain := next((text for pattern, text in _PLAINLY if pattern in str(error)), ""):
        line = users_line(traceback.extract_tb(error.__traceback__))
        return f"{type(error).__name__}: {plain}" + (f" ({line})" if line else "")
    first = error
    while first.__cause__ is not None and not isinstance(first, RequestError):
        first = first.__cause__
    text = _named(error if _repeats(error, first) else first)
    if first is not error and str(error) and str(error) not in text:
        text = f"{text}; {_named(error)}"
    place = next(filter(None, (users_line(traceback.extract_tb(each.__traceback__)) for each in (first, error))), "")
    return one_line(text, _MAX_RAISED) + (f" ({place})" if place else "")


def _repeats(error: BaseException, first: BaseException) -> bool:
    """Returns whether `error` says itself what the first exception of its chain said, perhaps only its beginning."""
    said = one_line(first, _BEGINNING)[: _BEGINNING - 1]
    return bool(said) and said in " ".join(str(error).split())


def _named(error: BaseException) -> str:
    if isinstance(error, RequestError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def users_line(stack: Iterable[traceback.FrameSummary]) -> str:
    """Returns the innermost line, the last, outside of this package and of installed libraries. Empty: there is none.

    "net.py:12 in forward".
    """
    for frame in reversed(list(stack)):
        if not _is_library(frame.filename):
            return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    return ""


def written_stack(text: str) -> list[traceback.FrameSummary]:
    """Returns the lines of a stack that Python, its fault handler or PyTorch wrote, in their order."""
    return [traceback.FrameSummary(file, int(line), name) for file, line, name in _FRAME.findall(text)]


@functools.cache
def _is_library(file: str) -> bool:
    # Generated code has no file: "<string>", "<eval_with_key>.8".
    if file.startswith(("<", *_libraries())) or Path(file).is_relative_to(_PACKAGE):
        return True
    # Workers import this package by a link to its folder.
    _, found, below = file.rpartition(f"/{_PACKAGE.name}/")
    return bool(found) and (_PACKAGE / below).is_file()


@functools.cache
def _libraries() -> tuple[str, ...]:
    import sysconfig

    return tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
