"""A run in AWS Device Farm: scheduled, waited for, stopped, and its phones with what they left."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.devices.farms.aws_client import Farm
from edge_export.devices.farms.aws_records import Artifact, Job, Run, Suite
from edge_export.devices.farms.aws_uploads import Say
from edge_export.devices.farms.platforms import Platform, platform_called
from edge_export.devices.farms.result_zip import MAX_BYTES
from edge_export.errors import RequestError, one_line

Devices = dict[str, Any]
"""The part of ScheduleRun that chooses the devices."""
_DONE = "COMPLETED"
_TIMEOUT_S = 120.0
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Phone:
    """One phone of a run, and how its job ended.

    Attributes:
        job: The ARN of the job.
        name: The name that its results have: unique in the run.
        platform: What AWS calls it, such as "ANDROID".
        model, system: Such as "Google Pixel 8" and "Android 15".
        result: PASSED, WARNED, FAILED, SKIPPED, ERRORED or STOPPED.
        message: What the farm says of it.
    """

    job: str
    name: str
    platform: str
    model: str
    system: str
    result: str
    message: str


def schedule(
    farm: Farm,
    project: str,
    platform: Platform,
    name: str,
    uploads: Mapping[str, str],
    devices: Devices,
    minutes: int,
) -> str:
    """Schedules a run and returns its ARN.

    Args:
        uploads: The ARNs of "app", "tests", "spec" and, if there is extra data, "data".
        devices: See `choose_devices`.
        minutes: How long one phone may take.

    Raises:
        RequestError: AWS refuses.
    """
    test = {"type": platform.test, "testPackageArn": uploads["tests"], "testSpecArn": uploads["spec"]}
    scheduled = farm.ask(
        "schedule_run",
        "run",
        Run,
        projectArn=project,
        appArn=uploads["app"],
        name=name,
        test=test,
        configuration={"extraDataPackageArn": uploads["data"]} if "data" in uploads else {},
        executionConfiguration={"jobTimeoutMinutes": minutes, "videoCapture": False},
        **devices,
    )
    return scheduled.arn


def wait(farm: Farm, run: str, every_s: float, say: Say) -> tuple[str, str]:
    """Waits until a run is completed. Says each change of the run and of its phones.

    Returns:
        AWS's result and message.

    Raises:
        RequestError: AWS refuses, or can't be reached. The run goes on.
    """
    told: dict[str, str] = {}
    while True:
        found = farm.ask("get_run", "run", Run, arn=run)
        for phone, job in _named_jobs(farm, run):
            _tell(told, say, phone.name, job)
        _tell(told, say, "run", found)
        if found.status == _DONE:
            return found.result, found.message
        time.sleep(every_s)


def stop(farm: Farm, run: str) -> None:
    """Stops a run. Phones that have begun go on to the end of their tests. Raises RequestError."""
    farm.call("stop_run", arn=run)


def phones_of(farm: Farm, run: str) -> list[Phone]:
    """Returns the phones of a run. Raises RequestError."""
    return [phone for phone, _ in _named_jobs(farm, run)]


def fetch_results(farm: Farm, phone: Phone, target: Path) -> None:
    """Writes the archive of what a phone left to the file `target`.

    Raises:
        RequestError: There is none, it is larger than AWS's own limit, or it can't be fetched.
    """
    for suite in farm.list_all("list_suites", "suites", Suite, arn=phone.job):
        for artifact in farm.list_all("list_artifacts", "artifacts", Artifact, arn=suite.arn, type="FILE"):
            if artifact.type == "CUSTOMER_ARTIFACT" and artifact.url is not None:
                _download(artifact.url, target)
                return
    raise RequestError(f"it left no results ({phone.result}{f': {phone.message}' if phone.message else ''})")


def _named_jobs(farm: Farm, run: str) -> list[tuple[Phone, Job]]:
    found: list[tuple[Phone, Job]] = []
    names: list[str] = []
    for job in sorted(farm.list_all("list_jobs", "jobs", Job, arn=run), key=lambda job: job.arn):
        device, platform = job.device, platform_called(job.device.platform)
        name = ":".join(_slug(part) for part in (device.name, device.os) if part)
        names.append(name)
        count = names.count(name)
        phone = Phone(
            job=job.arn,
            name=f"farm:aws:{name}" if count == 1 else f"farm:aws:{name}:{count}",
            platform=device.platform,
            model=device.name,
            system=f"{platform.title if platform else device.platform} {device.os}".strip(),
            result=job.result,
            message=job.message,
        )
        found.append((phone, job))
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_")[:60] or "unknown"


def _tell(told: dict[str, str], say: Say, name: str, found: Run) -> None:
    """Says the state of a run or a job if it is another one than before."""
    state = (found.result if found.status == _DONE else found.status).lower().replace("_", " ")
    if told.get(name) != state:
        told[name] = state
        say(name, state)


def _download(url: str, target: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, target.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                if file.tell() > MAX_BYTES:
                    raise RequestError(f"the archive of its results has more than {MAX_BYTES} bytes")
    except urllib.error.HTTPError as error:
        raise RequestError(f"its results can't be fetched (HTTP {error.code})") from error
    except (OSError, http.client.HTTPException) as error:
        raise RequestError(f"its results can't be fetched ({one_line(error, 200)})") from error
