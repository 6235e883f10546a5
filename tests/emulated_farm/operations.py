"""What the service does: uploads, pools, runs with their jobs, and the faults that a test plants."""

from __future__ import annotations

import io
import re
import secrets
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from emulated_farm.filters import fits
from emulated_farm.hosts import Host, Uploaded
from emulated_farm.job import run_job
from emulated_farm.spoil_archive import spoiled

ACCOUNT = "arn:aws:devicefarm:us-west-2:123456789012"
PROJECT = f"{ACCOUNT}:project:5e01a8c7-c861-4c0a-b1d5-5ec6e6c6dd23"
POOL = f"{ACCOUNT}:devicepool:5e01a8c7-c861-4c0a-b1d5-5ec6e6c6dd23/0a1b"
_PAGE = 1
_TESTS = (("ANDROID_APP", "INSTRUMENTATION"), ("IOS_APP", "APPIUM_NODE"))
"""The types of app and of test that fit each other."""


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


@dataclass
class Faults:
    """What goes wrong.

    Attributes:
        throttle: So many calls are refused.
        refuse: The error of an operation, by its name.
        mute: An operation whose answer is empty.
        fail_upload: A type of upload that fails when it is looked at.
        lose: The model of a phone that is lost before its tests.
        spoil: What happens to the archive of a phone's results, by its model: see `spoil_archive.py`.
        hold: Jobs wait before they start, until this is set.
    """

    throttle: int = 0
    refuse: dict[str, tuple[str, str]] = field(default_factory=dict)
    mute: str = ""
    fail_upload: str = ""
    lose: str = ""
    spoil: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


class Operations:
    """The state of the service.

    Attributes:
        devices: AWS's record of each phone, beside the host that it is attached to.
        folder: What jobs leave.
        calls: The operations that were asked, with their arguments, in order.
        artifacts: The files that can be fetched, by path.
    """

    def __init__(self, folder: Path, devices: list[tuple[dict, Host]]) -> None:
        self.devices, self.folder = devices, folder
        self.faults = Faults()
        self.url = ""
        self.calls: list[tuple[str, dict]] = []
        self.artifacts: dict[str, bytes] = {}
        self._uploads: list[dict] = []
        self._contents: dict[str, bytes] = {}
        self._signatures: list[str] = []
        self._runs: dict[str, dict] = {}
        self._jobs: dict[str, list[dict]] = {}
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._model = ServiceModel(Loader().load_service_model("devicefarm", "service-2"))
        self._known: dict[str, Callable[[dict], dict]] = {
            "CreateUpload": self._create_upload,
            "GetUpload": lambda asked: {"upload": self._looked_at(asked["arn"])},
            "GetDevicePool": lambda asked: {"devicePool": {"arn": self._existing(asked["arn"], [POOL])}},
            "ListDevices": lambda asked: self._page(asked, "devices", [d for d, _ in self.fitting(asked["filters"])]),
            "ScheduleRun": self._schedule_run,
            "GetRun": lambda asked: {"run": self._run(asked["arn"])},
            "StopRun": self._stop_run,
            "ListJobs": lambda asked: self._page(asked, "jobs", self._jobs[self._run(asked["arn"])["arn"]]),
            "ListSuites": lambda asked: self._page(asked, "suites", _suites(asked["arn"])),
            "ListArtifacts": self._list_artifacts,
        }

    def answer(self, operation: str, asked: dict) -> dict:
        """Raises Refused."""
        with self._lock:
            self.calls.append((operation, asked))
            if self.faults.throttle > 0:
                self.faults.throttle -= 1
                raise Refused("ThrottlingException", "Rate exceeded")
            if operation in self.faults.refuse:
                raise Refused(*self.faults.refuse[operation])
            if operation == self.faults.mute:
                return {}
            shape = self._model.operation_model(operation).input_shape
            if problems := ParamValidator().validate(asked, shape).generate_report():
                raise Refused("ArgumentException", problems)
            return self._known[operation](asked)

    def store(self, number: int, signature: str, content_type: str, content: bytes) -> bool:
        with self._lock:
            upload = self._uploads[number]
            if signature != self._signatures[number] or content_type != upload["contentType"]:
                return False
            self._contents[upload["arn"]] = content
            upload["status"] = "PROCESSING"
            return True

    def end(self) -> None:
        for arn in self._runs:
            self._stop_run({"arn": arn})
        if self.faults.hold is not None:
            self.faults.hold.set()
        for thread in self._threads:
            thread.join()

    def _create_upload(self, asked: dict) -> dict:
        self._existing(asked["projectArn"], [PROJECT])
        signature = secrets.token_hex(16)
        upload = {
            "arn": f"{ACCOUNT}:upload:{PROJECT.rpartition(':')[2]}/{secrets.token_hex(8)}",
            "url": f"{self.url}/uploads/{len(self._uploads)}?X-Amz-Signature={signature}",
            "status": "INITIALIZED",
            **{name: asked[name] for name in ("name", "type", "contentType")},
        }
        self._uploads.append(upload)
        self._signatures.append(signature)
        return {"upload": upload}

    def _looked_at(self, arn: str) -> dict:
        """An upload as AWS shows it: the first look finds it in work, the next one done."""
        upload = next(each for each in self._uploads if each["arn"] == arn)
        shown = dict(upload)
        if upload["status"] == "PROCESSING":
            problem = _problem(upload["type"], self._contents[arn])
            if upload["type"] == self.faults.fail_upload:
                problem = "ANDROID_APP_AAPT_DEBUG_BADGING_FAILED"
            upload["status"] = "FAILED" if problem else "SUCCEEDED"
            upload["message"] = problem
        return shown

    def fitting(self, filters: list[dict]) -> list[tuple[dict, Host]]:
        return [each for each in self.devices if all(fits(each[0], rule) for rule in filters)]

    def _schedule_run(self, asked: dict) -> dict:
        test, arns = asked["test"], {each["arn"] for each in self._uploads if each["status"] == "SUCCEEDED"}
        used = [asked["appArn"], test["testPackageArn"], test["testSpecArn"]]
        if data := asked["configuration"].get("extraDataPackageArn"):
            used.append(data)
        kinds = [each["type"] for arn in used for each in self._uploads if each["arn"] == arn]
        if not set(used) <= arns or (kinds[0], test["type"]) not in _TESTS:
            raise Refused("ArgumentException", "Missing or unprocessed resources.")
        if kinds[1:3] != [f"{test['type']}_TEST_PACKAGE", f"{test['type']}_TEST_SPEC"]:
            raise Refused("ArgumentException", "The test package does not match the test type.")
        chosen = self.devices
        if "deviceSelectionConfiguration" in asked:
            selection = asked["deviceSelectionConfiguration"]
            chosen = self.fitting(selection["filters"])[: selection["maxDevices"]]
        arn = f"{ACCOUNT}:run:{PROJECT.rpartition(':')[2]}/{secrets.token_hex(8)}"
        self._runs[arn] = {"arn": arn, "name": asked["name"], "status": "SCHEDULING", "result": "PENDING"}
        self._jobs[arn] = [_new_job(arn, number, device) for number, (device, _) in enumerate(chosen)]
        uploaded = Uploaded(*(self._contents[each] for each in used))
        hosts = [host for _, host in chosen]
        thread = threading.Thread(target=self._execute, args=(arn, hosts, uploaded))
        self._threads.append(thread)
        thread.start()
        return {"run": dict(self._runs[arn])}

    def _execute(self, arn: str, hosts: list[Host], uploaded: Uploaded) -> None:
        if self.faults.hold is not None:
            self.faults.hold.wait()
        run, jobs = self._runs[arn], self._jobs[arn]
        for job, host in zip(jobs, hosts, strict=True):
            if run["status"] == "STOPPING":
                job.update(status="COMPLETED", result="STOPPED")
                continue
            run["status"] = job["status"] = "RUNNING"
            self._run_job(job, host, uploaded)
        worst = next((r for r in ("ERRORED", "STOPPED", "FAILED") if any(j["result"] == r for j in jobs)), "PASSED")
        run.update(status="COMPLETED", result=worst)

    def _run_job(self, job: dict, host: Host, uploaded: Uploaded) -> None:
        model = job["device"]["model"]
        if model == self.faults.lose:
            job.update(status="COMPLETED", result="ERRORED", message="Device was disconnected from the host")
            return
        folder = self.folder / job["arn"].rpartition("/")[2]
        passed, archive = run_job(host, uploaded, folder)
        self.artifacts[f"/{folder.name}.zip"] = spoiled(self.faults.spoil.get(model, ""), archive)
        job.update(status="COMPLETED", result="PASSED" if passed else "FAILED")

    def _stop_run(self, asked: dict) -> dict:
        run = self._run(asked["arn"])
        if run["status"] != "COMPLETED":
            run["status"] = "STOPPING"
        return {"run": run}

    def _list_artifacts(self, asked: dict) -> dict:
        job, _, suite = asked["arn"].rpartition("/")
        path = f"/{job.rpartition('/')[2]}.zip"
        if asked["type"] != "FILE" or not suite.endswith("1") or path not in self.artifacts:
            return {"artifacts": []}
        spec = {"arn": f"{asked['arn']}/0", "name": "Test spec shell script", "type": "UNKNOWN", "url": f"{self.url}/x"}
        customer = {"arn": f"{asked['arn']}/1", "name": "Customer Artifacts", "type": "CUSTOMER_ARTIFACT"}
        return self._page(asked, "artifacts", [spec, customer | {"extension": "zip", "url": f"{self.url}{path}"}])

    def _run(self, arn: str) -> dict:
        self._existing(arn, list(self._runs))
        return self._runs[arn]

    def _existing(self, arn: str, known: list[str]) -> str:
        if arn not in known:
            raise Refused("NotFoundException", f"{arn} was not found")
        return arn

    def _page(self, asked: dict, key: str, entries: list[dict]) -> dict:
        """One entry a page."""
        start = int(asked.get("nextToken", "page0").removeprefix("page"))
        more = {"nextToken": f"page{start + _PAGE}"} if start + _PAGE < len(entries) else {}
        return {key: entries[start : start + _PAGE], **more}


def _problem(kind: str, content: bytes) -> str:
    """What AWS finds wrong with an upload."""
    if kind.endswith("_TEST_SPEC"):
        return "" if {"version", "phases"} <= set(yaml.safe_load(content)) else "TEST_SPEC_INVALID"
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return "The file is no archive"
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    if kind == "IOS_APP":
        return "" if any(re.fullmatch(r"Payload/[^/]+\.app/Info\.plist", name) for name in names) else "no Info.plist"
    if kind in ("EXTERNAL_DATA", "APPIUM_NODE_TEST_PACKAGE"):
        return ""
    return "" if "AndroidManifest.xml" in names else "The file has no manifest"


def _new_job(run: str, number: int, device: dict) -> dict:
    arn = f"{run.replace(':run:', ':job:')}/{number:05}"
    return {"arn": arn, "name": device["name"], "status": "PENDING", "result": "PENDING", "device": device}


def _suites(job: str) -> list[dict]:
    names = ("Setup Suite", "Tests Suite", "Teardown Suite")
    return [{"arn": f"{job.replace(':job:', ':suite:')}/{n}", "name": name} for n, name in enumerate(names)]
