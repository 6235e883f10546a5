"""`farm aws` as a user types it: the real boto3, a service of our own, and real results of emulated phones."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from emulated_farm.hosts import LinuxHost
from emulated_farm.operations import POOL, PROJECT, Operations
from emulated_farm.service import Service
from emulated_phone.state import PIXEL

from edge_export.__main__ import main
from edge_export.devices.farms.aws_client import Farm
from edge_export.devices.farms.aws_pool import choose_devices, parse_rules
from edge_export.devices.farms.aws_run import wait
from edge_export.devices.farms.platforms import PLATFORMS
from edge_export.errors import RequestError

ROOT = Path(__file__).resolve().parents[3]
PIXEL_8 = {"arn": "arn:aws:devicefarm:us-west-2::device:0001", "name": "Google Pixel 8", "manufacturer": "Google"} | {
    "model": "Google Pixel 8",
    "os": "15",
    "platform": "ANDROID",
}
GALAXY = (
    PIXEL_8
    | {"arn": "arn:aws:devicefarm:us-west-2::device:0002", "name": "Samsung Galaxy S24"}
    | {
        "model": "Samsung Galaxy S24",
        "manufacturer": "Samsung",
        "os": "14",
    }
)
NAMES = ["farm:aws:Google_Pixel_8:15", "farm:aws:Samsung_Galaxy_S24:14"]
ONE = "MODEL~Pixel"
"""Rules that one of them fits."""
FAST = ("--every", 0.2, "--seconds", 0.05, "--rounds", 1)
VERIFY = ("--every", 0.2, "--rounds", 0)


@pytest.fixture
def farm(environment, attach, adb_server, tmp_path, monkeypatch):
    """The service with two phones."""
    phones = [attach(), attach(props=PIXEL | {"ro.product.model": "SM-S921B"})]
    hosts = [LinuxHost(phone, adb_server) for phone in phones]
    service = Service(Operations(tmp_path / "farm", list(zip([PIXEL_8, GALAXY], hosts, strict=True))))
    monkeypatch.setenv("AWS_ENDPOINT_URL_DEVICE_FARM", service.url)
    yield service.operations
    service.close()


@pytest.fixture
def bundle(small_bundle, tmp_path):
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


@pytest.fixture
def app(tmp_path):
    """An APK as far as the service looks into it: the emulated phone's runner app is installed already."""
    path = tmp_path / "app.apk"
    with zipfile.ZipFile(path, "w") as apk:
        apk.writestr("AndroidManifest.xml", b"\x03\x00\x08\x00")
    return path


@pytest.fixture
def command(bundle, app, tmp_path, monkeypatch):
    """A function that returns the command that starts `farm aws`."""
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def words(*options: object, pool: str = POOL, order: tuple | None = None) -> list[str]:
        given = ("--project", PROJECT, "--pool", pool, "--app", app) if order is None else order
        return [sys.executable, "-m", "edge_export", "farm", "aws", *map(str, (bundle, *given, *options))]

    return words


@pytest.fixture
def edge_export(command):
    """A function that runs it to its end."""

    def run(*options: object, **given: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*options, **given), capture_output=True, text=True, timeout=600, check=False)

    return run


def arn_in(text: str) -> str:
    return re.search(r"--resume (arn:\S+)", text)[1]


def verdicts(bundle) -> dict[str, list[str]]:
    """The verdicts of the farm's phones in numerics.json."""
    found: dict[str, list[str]] = {}
    for member in json.loads((bundle / "numerics.json").read_text())["members"]:
        for run in member["runs"]:
            if run["device"].startswith("farm:"):
                found.setdefault(run["device"], []).append(run["verdict"])
    return found


def test_a_bundle_is_proven_and_timed_on_two_phones_while_calls_are_throttled(farm, edge_export, bundle):
    farm.faults.throttle = 3
    done = edge_export(*FAST, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["passed"], answer["result"], answer["failed"]) == (True, "PASSED", [])
    assert answer["left_out"] == {"executorch": 1}
    assert [each["device"] for each in answer["devices"]] == NAMES
    assert verdicts(bundle) == {name: ["passed"] for name in NAMES}
    perf = {each["device"]: each for each in json.loads((bundle / "perf.json").read_text())["devices"]}
    for name, model, system in zip(NAMES, (PIXEL_8, GALAXY), ("Android 15", "Android 14"), strict=True):
        (timed,) = perf[name]["artifacts"]
        assert perf[name]["indicative"]
        assert (perf[name]["facts"]["model"], perf[name]["facts"]["os"]) == (model["name"], system)
        assert (timed["artifact"], timed["latency"]["rounds"][0]["count"] > 0) == ("tflite-builtin-fp32", True)
    kinds = [asked["type"] for name, asked in farm.calls if name == "CreateUpload" and asked.get("type")]
    assert set(kinds) == {"ANDROID_APP", "INSTRUMENTATION_TEST_PACKAGE", "INSTRUMENTATION_TEST_SPEC", "EXTERNAL_DATA"}
    for state in (
        "app.apk: processing",
        "app.apk: succeeded",
        "scheduled; it can",
        "run: passed",
        f"{NAMES[1]}: passed",
    ):
        assert state in done.stderr


def test_a_lost_phone_and_a_hostile_archive_fail_and_the_run_can_be_taken_up_again(farm, edge_export, bundle):
    farm.faults.lose, farm.faults.spoil = GALAXY["model"], {PIXEL_8["model"]: "parent names"}
    before = (bundle / "numerics.json").read_bytes()
    done = edge_export(*VERIFY)
    assert done.returncode == 1
    assert f"{NAMES[0]}: the archive of its results can't be used: '../../" in " ".join(done.stdout.split())
    assert f"{NAMES[1]}: it left no results (ERRORED: Device was disconnected" in " ".join(done.stdout.split())
    assert (bundle / "numerics.json").read_bytes() == before
    assert not Path("/tmp/escaped").exists()
    spoiled = next(path for path in farm.artifacts)
    with zipfile.ZipFile(farm.folder / "good.zip", "w") as good:
        logs = farm.folder / "00000" / "logs"
        for path in sorted(logs.rglob("*")):
            good.write(path, f"Host_Machine_Files/$DEVICEFARM_LOG_DIR/{path.relative_to(logs)}")
    farm.artifacts[spoiled] = (farm.folder / "good.zip").read_bytes()
    again = edge_export("--every", 0.2, "--resume", arn_in(done.stderr), order=())
    assert again.returncode == 1  # one phone is still lost
    assert verdicts(bundle) == {NAMES[0]: ["passed"]}


def test_a_crash_of_the_app_costs_one_item_and_the_app_is_started_again(farm, edge_export, bundle):
    farm.devices[0][1].phone.set(crash_after=0)
    done = edge_export(*VERIFY, "--json", pool=ONE)
    assert done.returncode == 1
    ((crashed,),) = (each["runs"] for each in json.loads(done.stdout)["devices"])
    assert crashed["verdict"] == "failed"
    assert crashed["reason"] == "did not run: the runner ended: Process crashed."
    starts = [line for line in farm.devices[0][1].phone.state.read().log if "-e request" in line]
    assert len(starts) == 2


@pytest.mark.parametrize("wanted", ["y", "n"])
def test_ctrl_c_asks_whether_to_stop_the_run_and_says_how_to_take_it_up_again(farm, command, bundle, wanted):
    farm.faults.hold = threading.Event()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(*VERIFY, pool=ONE), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as run:
        os.close(theirs)
        shown = read_until(ours, b"pending")
        run.send_signal(signal.SIGINT)
        shown += read_until(ours, b"[y/N] ")
        os.write(ours, f"{wanted}\n".encode())
        shown += read_until(ours, b"interrupted")
    os.close(ours)
    text = " ".join(shown.decode().split())
    assert run.returncode == 130
    assert ("StopRun" in [name for name, _ in farm.calls]) == (wanted == "y")
    assert ("the run stops; merge what it has finished by" if wanted == "y" else "the run goes on, and costs") in text
    farm.faults.hold.set()
    resume = [*command("--every", 0.2, "--resume", arn_in(text), order=())]
    done = subprocess.run(resume, capture_output=True, text=True, timeout=600, check=False)
    if wanted == "y":
        assert (done.returncode, verdicts(bundle)) == (1, {})
        assert done.stdout.count("it left no results (STOPPED)") == 1
    else:
        assert done.returncode == 0, done.stderr
        assert verdicts(bundle) == {NAMES[0]: ["passed"]}
        gone = subprocess.run(resume, capture_output=True, text=True, timeout=600, check=False)
        assert (gone.returncode, "it was started elsewhere, or is merged" in gone.stderr) == (2, True)


def test_ctrl_c_where_nobody_can_answer_lets_the_run_go_on(farm, command):
    farm.faults.hold = threading.Event()
    with subprocess.Popen(
        command(*VERIFY, pool=ONE), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        for line in run.stderr:
            if "pending" in line:
                run.send_signal(signal.SIGINT)
                break
        rest = run.stderr.read()
    assert (run.returncode, "StopRun" in [name for name, _ in farm.calls]) == (130, False)
    assert "Stop the run?" not in rest
    assert arn_in(rest)


def read_until(terminal: int, mark: bytes) -> bytes:
    text = b""
    while mark not in text:
        text += os.read(terminal, 65536)
    return text


def test_a_failed_upload_is_one_line_and_nothing_is_scheduled(farm, edge_export, tmp_path):
    farm.faults.fail_upload = "ANDROID_APP"
    done = edge_export(*FAST)
    assert (done.returncode, done.stdout) == (2, "")
    message = done.stderr.splitlines()[-1]
    assert "AWS refuses app.apk as ANDROID_APP (ANDROID_APP_AAPT_DEBUG_BADGING_FAILED): give another file" in message
    assert "ScheduleRun" not in [name for name, _ in farm.calls]
    assert not list((tmp_path / "cache" / "devices").glob("farm-*"))


@pytest.mark.parametrize(
    ("code", "message", "what_to_do"),
    [
        ("AccessDeniedException", "User: x is not authorized to perform: devicefarm:GetRun", "allow this user"),
        ("ExpiredTokenException", "The security token included in the request is expired", "aws sso login"),
        ("LimitExceededException", "You have exceeded the limit of 250 jobs", "have the quota raised"),
        ("ServiceAccountException", "The account is suspended", "look at the account"),
        ("UnrecognizedClientException", "The security token is invalid", "the access key is unknown"),
    ],
)
def test_what_aws_refuses_is_one_line_that_says_what_to_do(farm, code, message, what_to_do, monkeypatch):
    monkeypatch.setattr("edge_export.devices.farms.aws_client._ATTEMPTS", 1)
    farm.faults.refuse["GetRun"] = (code, message)
    with pytest.raises(RequestError, match=rf"^AWS refuses get_run \({code}: {message}\): .*{what_to_do}"):
        Farm().call("get_run", arn=f"{PROJECT}/unknown".replace(":project:", ":run:"))


def test_an_answer_without_what_it_must_hold_is_one_line(farm):
    farm.faults.mute = "GetRun"
    with pytest.raises(RequestError, match=r"^AWS's answer to get_run is not valid: "):
        wait(Farm(), f"{PROJECT}/unknown", 0.1, lambda *_: None)


def test_missing_credentials_and_profiles_are_one_line(environment, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(RequestError, match=r"there are no AWS credentials .*: run `aws configure`"):
        Farm().call("get_run", arn=f"{PROJECT}/unknown")
    with pytest.raises(RequestError, match=r"The config profile \(work\) could not be found: run `aws configure`"):
        Farm("work")


def test_a_farm_that_is_not_there_is_one_line(environment, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_DEVICE_FARM", "http://127.0.0.1:9")
    monkeypatch.setattr("edge_export.devices.farms.aws_client._ATTEMPTS", 1)
    with pytest.raises(RequestError, match=r"AWS can't be reached .*: check the network"):
        Farm().call("get_run", arn=f"{PROJECT}/unknown")


@pytest.mark.parametrize(
    ("rules", "models"),
    [
        ("MANUFACTURER=Google|Samsung", ["Google Pixel 8", "Samsung Galaxy S24"]),
        ("manufacturer!=Google", ["Samsung Galaxy S24"]),
        ("OS_VERSION>=15, MODEL~Pixel", ["Google Pixel 8"]),
        ("OS_VERSION<15", ["Samsung Galaxy S24"]),
    ],
)
def test_rules_choose_devices(farm, rules, models):
    chosen = choose_devices(Farm(), rules, PLATFORMS["android"], PROJECT, 2)["deviceSelectionConfiguration"]
    assert [device["model"] for device, _ in farm.fitting(chosen["filters"])] == models
    with pytest.raises(RequestError, match="no device of the farm fits --pool 'MODEL=Nokia'"):
        choose_devices(Farm(), "MODEL=Nokia", PLATFORMS["android"], PROJECT, 2)


def test_all_wrong_rules_are_named():
    with pytest.raises(RequestError, match=r"not 'MODEL~A\|B; OS>3; x': rules are MODEL = != ~, "):
        parse_rules("MODEL~A|B,FORM_FACTOR=PHONE,OS>3,x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--project and --pool is missing"),
        (("--project", "x", "--pool", POOL), "--project x is no ARN of a project: give arn:aws:devicefarm:us-west-2"),
        (
            ("--project", PROJECT.replace("west", "east"), "--pool", POOL),
            "--project is in us-east-2, and",
        ),
        (("--project", PROJECT, "--pool", PROJECT), f"--pool {PROJECT} is no ARN of a devicepool"),
        (("--project", PROJECT, "--pool", POOL, "--most", "2"), "--most would have no effect"),
        (("--resume", POOL), f"--resume {POOL} is no ARN of a run"),
        (("--resume", POOL, "--app", "x"), "--app would have no effect"),
    ],
)
def test_a_wrong_command_is_one_line(environment, command, app, capsys, options, message):
    order = (*options, "--app", app) if "--project" in options else options
    assert refused(command(order=order), capsys).startswith(f"edge_export: {message}")


def test_a_file_that_is_no_app_is_one_line(environment, command, capsys):
    words = command(order=("--project", PROJECT, "--pool", POOL, "--app", __file__))
    message = f"{__file__} is no APK: make one by `make -C android_demo runner`, or give yours"
    assert refused(words, capsys) == f"edge_export: {message}\n"


def refused(words: list[str], capsys) -> str:
    """What a command says that is refused at once, in this process."""
    assert main(words[words.index("farm") :]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    return shown.err
