"""A farm: many devices that a CI system runs jobs for. Each job runs one shard of a bundle on one device."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from edge_export.bundle.manifest import Manifest
from edge_export.bundle.shard import Shard
from edge_export.devices.table import kind_of
from edge_export.errors import RequestError, one_line
from edge_export.spec.fields import DeviceName, Name, Record, all_problems

MAX_BYTES = 1 << 20
DEVICE_TEMPLATE, COLLECT_TEMPLATE = ".edge_export_device", ".edge_export_collect"
"""What the jobs of a GitLab pipeline extend."""


class FarmDevice(Record):
    """One device of a farm.

    Attributes:
        name: What `--device` names it.
        shards: In how many jobs its artifacts are run: as many as there are devices of its kind behind `tags`.
        tags: What the CI system finds the runner by that reaches the device.
    """

    name: DeviceName
    shards: int = Field(default=1, ge=1, le=100)
    tags: Annotated[tuple[Name, ...], Field(max_length=20)] = ()


class Farm(Record):
    """The content of a file of devices: a TOML file with a table `[[device]]` for each."""

    device: tuple[FarmDevice, ...] = Field(min_length=1, max_length=1000)


class Job(Record):
    """One job: a shard on a device. `name` is unique and fits file names."""

    name: str
    device: str
    shard: str
    tags: tuple[str, ...]


def read_farm(path: Path) -> Farm:
    """Returns the devices in a TOML file.

    Raises:
        RequestError: It can't be read or is not valid, or a device's kind is unknown, or a device is there twice.
    """
    try:
        with path.open("rb") as stream:
            farm = Farm.model_validate(tomllib.loads(stream.read(MAX_BYTES).decode("utf-8")))
    except OSError as error:
        raise RequestError(f"{path} can't be read ({one_line(error.strerror)}): give a TOML file of devices") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is no TOML: {one_line(error)}") from error
    except ValidationError as error:
        raise all_problems(path, error) from error
    names = [each.name for each in farm.device]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise RequestError(f"{path} has {', '.join(doubled)} twice: give it more shards instead")
    for name in names:
        kind_of(name)
    return farm


def jobs_of(farm: Farm, manifest: Manifest) -> tuple[Job, ...]:
    """Returns the jobs for a bundle. A device has no more shards than the bundle has artifacts."""
    compiled = sum(artifact.file is not None for member in manifest.members for artifact in member.artifacts)
    jobs = []
    for number, device in enumerate(farm.device, 1):
        count = max(1, min(device.shards, compiled))
        for shard in (Shard(index, count) for index in range(1, count + 1)):
            name = f"{number}-{re.sub('[^A-Za-z0-9]+', '_', device.name)}-{shard.index}of{count}"
            jobs.append(Job(name=name, device=device.name, shard=str(shard), tags=device.tags))
    return tuple(jobs)


def github_matrix(jobs: tuple[Job, ...]) -> dict[str, Any]:
    """Returns the matrix of a GitHub Actions job. Jobs without tags run on "ubuntu-latest"."""
    return {"include": [job.model_dump(mode="json") | {"tags": job.tags or ("ubuntu-latest",)} for job in jobs]}


def gitlab_pipeline(jobs: tuple[Job, ...], template: str) -> dict[str, Any]:
    """Returns a child pipeline for GitLab: a job for each of `jobs`, and one that merges what they leave. JSON is YAML.

    Args:
        template: The file in the repository that has the jobs which these extend.
    """
    needs: list[dict[str, str]] = [{"pipeline": "$FAMILY_PIPELINE", "job": "build"}]
    pipeline: dict[str, Any] = {"include": [{"local": template}]}
    for job in jobs:
        variables = {"DEVICE": job.device, "SHARD": job.shard, "RESULT": job.name}
        tags = {"tags": list(job.tags)} if job.tags else {}
        pipeline[job.name] = {"extends": DEVICE_TEMPLATE, "variables": variables, "needs": needs} | tags
    pipeline["collect"] = {"extends": COLLECT_TEMPLATE, "needs": needs + [{"job": job.name} for job in jobs]}
    return pipeline
