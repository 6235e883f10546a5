"""Field types that check files from outside, and one message for all problems of such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edge_export.errors import RequestError
from edge_export.files.paths import checked_relative

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,119}"

Name = Annotated[str, Field(pattern=rf"^{_NAME}$")]
RelativePath = Annotated[
    str,
    Field(pattern=rf"^{_NAME}(/{_NAME}){{0,7}}$", max_length=400),
    AfterValidator(lambda path: str(checked_relative(path))),
]
"""A path inside of a bundle, with names that every system supports: `checked_relative`, at most 8 parts."""
DeviceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:@%\[\]+-]{0,199}$")]
"""What `--device` names a device, such as "ssh:pi@[fe80::1]:22"."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=2000)]


class Record(BaseModel):
    """A frozen model that forbids unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def all_problems(path: Path, error: ValidationError) -> RequestError:
    """Returns an error with the problems of the file at `path` in one line."""
    problems = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
    shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
    return RequestError(f"{path} is not valid: {shown}")
