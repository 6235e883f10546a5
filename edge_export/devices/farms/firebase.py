"""Firebase Test Lab: the gcloud command that runs a request there, and the folder of results that it leaves."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from edge_export.devices.android_files import FOLDER
from edge_export.devices.android_runner import INSTRUMENTATION, RESULTS
from edge_export.devices.farms.results import Read
from edge_export.devices.folder import parts_of
from edge_export.devices.request import REQUEST, Request
from edge_export.errors import RequestError, one_line
from edge_export.files.paths import path_inside

_PULLED = RESULTS.strip("/")


def gcloud_command(
    request: Request, folder: Path, app: Path, tests: Path, devices: Sequence[str], minutes: int, results: str
) -> str:
    """Returns the command, for a shell.

    Args:
        folder: The request folder.
        devices: As gcloud names them, such as "model=shiba,version=34".
        minutes: How long one phone may take.
        results: The name of the folder in the bucket.
    """
    files = (REQUEST, *sorted(parts_of(request)))
    options = [
        f"--app={app}",
        f"--test={tests}",
        f"--test-runner-class={INSTRUMENTATION.partition('/')[2]}",
        f"--environment-variables=results={RESULTS},request={FOLDER}",
        f"--other-files={','.join(f'{FOLDER}/{name}={folder.absolute() / name}' for name in files)}",
        f"--directories-to-pull={RESULTS}",
        *(f"--device={device}" for device in devices),
        f"--timeout={minutes}m",
        f"--results-dir={results}",
        "--no-record-video",
        "--no-performance-metrics",
    ]
    lines = ["gcloud firebase test android run --type=instrumentation", *map(shlex.quote, options)]
    return " \\\n    ".join(lines)


def phones_in(results: Path) -> list[tuple[str, Read]]:
    """Returns the phones in a results folder of Test Lab: the name that its results have, and what reads them.

    Raises:
        RequestError: There is no such folder, or no phone in it.
    """
    if not results.is_dir():
        raise RequestError(f"{results}: there is no such folder: `gcloud storage cp --recursive gs://BUCKET/DIR .`")
    folders = sorted(path for path in results.iterdir() if path.is_dir() and not path.is_symlink())
    if not folders:
        raise RequestError(f"{results} has no phone's folder, such as shiba-34-en-portrait: give the folder of a run")
    return [(f"farm:firebase:{one_line(path.name, 80)}", _reader(path / "artifacts" / _PULLED)) for path in folders]


def _reader(root: Path) -> Read:
    def read(name: str, limit: int) -> bytes | None:
        try:
            with path_inside(root, name).open("rb") as file:
                return file.read(limit)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RequestError(f"{name} can't be read ({one_line(error, 200)})") from error

    return read
