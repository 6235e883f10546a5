"""What is used here of AWS's answers. Whatever else they hold is ignored."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from edge_export.errors import one_line

Line = Annotated[str, BeforeValidator(lambda text: one_line(text, 300))]
Url = Annotated[str, Field(pattern=r"^https?://")]


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Upload(Answer):
    """Attributes: `url`: where the file goes, while it is new. `status`: INITIALIZED, PROCESSING, SUCCEEDED, FAILED."""

    arn: str
    status: Line
    url: Url | None = None
    message: Line = ""


class Run(Answer):
    """Attributes: `result` counts once `status` is COMPLETED: PASSED, WARNED, FAILED, SKIPPED, ERRORED or STOPPED."""

    arn: str
    name: Line = ""
    status: Line
    result: Line = ""
    message: Line = ""


class Device(Answer):
    """A model of a phone. Attributes: `os`: the version."""

    name: Line = "unknown"
    os: Line = ""
    platform: Line = ""


class Job(Run):
    """A run on one phone."""

    device: Device = Device()


class Suite(Answer):
    """A part of a job."""

    arn: str


class Artifact(Answer):
    """A file that a job left."""

    type: Line = ""
    url: Url | None = None
