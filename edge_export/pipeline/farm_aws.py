"""A bundle on AWS Device Farm: what goes there, and what is merged when the run has ended."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_export.bench.plan import BenchSettings
from edge_export.bundle.folder import Bundle
from edge_export.devices.farms.aws_client import Farm
from edge_export.devices.farms.aws_pool import choose_devices
from edge_export.devices.farms.aws_records import Run
from edge_export.devices.farms.aws_run import Phone, fetch_results, phones_of, schedule
from edge_export.devices.farms.aws_uploads import Say, upload
from edge_export.devices.farms.platforms import Platform, platform_called
from edge_export.devices.farms.result_zip import opened_zip
from edge_export.devices.farms.results import take_results
from edge_export.devices.request import Request
from edge_export.devices.results import agreed_limits
from edge_export.errors import RequestError
from edge_export.files.owned import scratch_folder
from edge_export.pipeline.farm_merge import Arrival, Outcome, merge_phones
from edge_export.pipeline.farm_request import Asked, ask_farm, asked_before
from edge_export.pipeline.mother_source import MotherSource
from edge_export.spec.lazy import resolve


@dataclass(frozen=True)
class Order:
    """What is ordered of the farm.

    Attributes:
        pool: The ARN of a device pool, or rules.
        most: The largest number of phones, for rules.
        app, tests: The runner app, and the test package.
        settings: How artifacts are timed. No rounds: not at all.
        minutes: How long one phone may take.
        name: The name of the run.
    """

    project: str
    pool: str
    most: int
    platform: Platform
    app: Path
    tests: Path
    settings: BenchSettings
    minutes: int
    name: str


def start_run(bundle: Bundle, farm: Farm, order: Order, every_s: float, say: Say) -> str:
    """Uploads all that a run needs, schedules it, and returns its ARN.

    Raises:
        RequestError: A file is missing, AWS refuses, or no device fits. Nothing was scheduled then.
    """
    resolve(order.platform.check)(order.app, order.tests, bundle)
    devices = choose_devices(farm, order.pool, order.platform, order.project, order.most)
    asked = ask_farm(bundle, order.platform.formats, order.settings)
    try:
        with scratch_folder() as work:
            pack = resolve(order.platform.pack)
            goods = pack(order.app, order.tests, asked.request, asked.folder, order.minutes, work)
            files = {
                "app": (goods.app, order.platform.app),
                "tests": (goods.tests, order.platform.tests),
                "spec": (goods.spec, order.platform.spec),
                "data": (goods.data, "EXTERNAL_DATA"),
            }
            uploads = {
                what: upload(farm, order.project, path, kind, every_s, say)
                for what, (path, kind) in files.items()
                if path is not None
            }
        name = f"{order.name[:200]} {asked.request.run_id}"
        return schedule(farm, order.project, order.platform, name, uploads, devices, order.minutes)
    except BaseException:
        shutil.rmtree(asked.folder, ignore_errors=True)
        raise


def request_of(bundle: Bundle, farm: Farm, run: str) -> Asked:
    """Returns the request of a run, which its name tells.

    Raises:
        RequestError: AWS has no such run, or its request is not on this machine.
    """
    run_id = re.search(r" ([0-9a-f]{16})$", farm.ask("get_run", "run", Run, arn=run).name)
    if run_id is None:
        raise RequestError(f"{run} was not started by `farm aws`: give the ARN that it printed")
    return asked_before(bundle, run_id[1])


def collect_run(
    bundle: Bundle, farm: Farm, run: str, asked: Asked, mother: MotherSource | None, logs: Path, say: Say
) -> list[Outcome]:
    """Fetches and merges the results of a run that has ended.

    The request is forgotten once every phone's results are merged. Until then, the run can be taken up again.

    Raises:
        RequestError: AWS can't be reached, or the bundle can't be written.
    """
    arrivals = [
        Arrival(phone.name, partial(_take, farm, phone, asked.request, say), phone.model, phone.system)
        for phone in phones_of(farm, run)
    ]
    outcomes = merge_phones(bundle, asked, arrivals, mother, logs)
    if not any(outcome.problem for outcome in outcomes):
        shutil.rmtree(asked.folder, ignore_errors=True)
    return outcomes


def _take(farm: Farm, phone: Phone, request: Request, say: Say, folder: Path) -> None:
    say(phone.name, "fetching results")
    archive = folder / "results.zip"
    fetch_results(farm, phone, archive)
    platform = platform_called(phone.platform)
    if platform is None:
        raise RequestError(f"nothing is known of its platform {phone.platform!r}")
    with opened_zip(archive) as read:
        take_results(resolve(platform.reader)(read, agreed_limits(folder, request)), request, folder)
    archive.unlink()
