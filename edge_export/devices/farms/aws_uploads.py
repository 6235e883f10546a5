"""Brings files to AWS Device Farm."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from edge_export.devices.farms.aws_client import Farm
from edge_export.devices.farms.aws_records import Upload
from edge_export.errors import RequestError, one_line

MAX_BYTES = 4 << 30
"""The largest upload that AWS takes."""
CONTENT_TYPE = "application/octet-stream"
Say = Callable[[str, str], None]
"""`(what, state)`: is told what goes on."""
_TIMEOUT_S = 600.0
_PATIENCE_S = 1800.0


def upload(farm: Farm, project: str, path: Path, kind: str, every_s: float, say: Say) -> str:
    """Uploads a file, waits until AWS has looked at it, and returns its ARN.

    Args:
        kind: AWS's type of upload, such as "ANDROID_APP".
        every_s: How long to wait between two looks, in seconds.

    Raises:
        RequestError: AWS refuses it, or it does not get there.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RequestError(f"{path} has {size} bytes, and AWS takes {MAX_BYTES}: give fewer members or formats")
    what = {"projectArn": project, "name": path.name, "type": kind, "contentType": CONTENT_TYPE}
    made = farm.ask("create_upload", "upload", Upload, **what)
    if made.url is None:
        raise RequestError(f"AWS gives no address to upload {path.name} to: try again")
    say(path.name, f"uploading {size:,} bytes")
    _put(made.url, path, size)
    state = ""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        found = farm.ask("get_upload", "upload", Upload, arn=made.arn)
        if found.status != state:
            state = found.status
            say(path.name, state.lower())
        if state == "SUCCEEDED":
            return made.arn
        if state == "FAILED":
            why = found.message or "it gives no reason"
            raise RequestError(f"AWS refuses {path.name} as {kind} ({why}): give another file")
        time.sleep(every_s)
    raise RequestError(f"AWS has been {state.lower()} {path.name} for {_PATIENCE_S:g} s: try again later")


def _put(url: str, path: Path, size: int) -> None:
    headers = {"Content-Type": CONTENT_TYPE, "Content-Length": str(size)}  # the signature of the address counts it
    with path.open("rb") as file:
        request = urllib.request.Request(url, data=file, headers=headers, method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
                pass
        except urllib.error.HTTPError as error:
            raise RequestError(f"{path.name} can't be uploaded (HTTP {error.code}): try again") from error
        except (OSError, http.client.HTTPException) as error:
            raise RequestError(f"{path.name} can't be uploaded ({one_line(error, 200)}): check the network") from error
