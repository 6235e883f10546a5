"""Requests on an emulated phone, by the real adb client: what comes back, and what happens when it goes wrong."""

from __future__ import annotations

import re

import pytest
from emulated_phone.spoil import TOO_LARGE
from emulated_phone.state import APP, APP_CONTENT
from small_requests import largest_error, request_folder

from edge_export.devices import android_install
from edge_export.devices.adb import AdbPhone, found, open_adb, rounds
from edge_export.devices.android_rest import CoolDown
from edge_export.devices.android_runner import END
from edge_export.devices.device import LinkLost
from edge_export.devices.run import run_on
from edge_export.errors import RequestError

TWO = (("verify", "classifier"), ("verify", "segmenter"))
VERIFY = (*TWO, ("verify", "classifier"))
BENCH = (("bench", "classifier"), ("bench", "segmenter"), ("bench", "segmenter"), ("bench", "classifier"))


@pytest.fixture
def run(adb, tmp_path):
    """A function that runs a request on the phone and returns its results."""
    said: list[tuple[str, str]] = []

    def run_items(*wanted, resume=None, **settings):
        folder = tmp_path / "request"
        request = resume or request_folder(folder, *wanted)
        run_items.request = request
        device = AdbPhone(adb, **settings)
        report = lambda item, state: said.append((item, state))  # noqa: E731
        return run_on(device, request, folder, report, resume=resume is not None)

    run_items.said = said
    return run_items


def outcomes(results):
    return {name: (each.status.outcome, each.status.reason) for name, each in results.items.items()}


def test_outputs_are_those_of_the_member(run, phone):
    results = run(*VERIFY)
    assert {outcome for outcome, _ in outcomes(results).values()} == {"done"}
    for name, result in results.items.items():
        assert largest_error(result.outputs, name.partition("-")[2]) < 1e-5
    assert run.said[:3] == [("0-classifier", "copying"), ("1-segmenter", "copying"), ("2-classifier", "copying")]
    assert run.said[3:5] == [("0-classifier", "started"), ("0-classifier", "done")]


def test_facts_are_those_of_android(run):
    facts = run(VERIFY[0]).facts
    assert (facts.model, facts.soc, facts.os, facts.cores) == ("Pixel 8", "Tensor G3", "Android 15 (API 35)", 8)
    assert facts.memory_bytes == 7747312 * 1024
    assert facts.before.temperature_c == 28.4
    assert facts.before.governors == ("sched_pixel",) * 8
    assert facts.before.frequencies_khz[0] == 300_000
    assert (facts.before.thermal_status, facts.before.charging, facts.before.screen_on) == (0, True, True)
    assert facts.after is not None
    assert "tflite" in facts.runtimes


def test_only_what_is_missing_is_sent(run, phone):
    run(*VERIFY)
    pushed = phone.state.read().received
    run(*VERIFY)
    (again,) = phone.state.read().received[len(pushed) :]
    assert again.endswith("/request.json")
    kept = phone.tmp / "edge_export" / "artifacts" / "classifier.tflite"
    kept.write_bytes(kept.read_bytes()[:-1])
    run(VERIFY[0])
    assert [path.rpartition("/")[2] for path in phone.state.read().received[len(pushed) + 1 :]] == [
        "classifier.tflite",
        "request.json",
    ]
    assert not (phone.tmp / "edge_export" / "artifacts" / "segmenter.tflite").exists()


def test_results_do_not_stay_on_the_phone(run, phone):
    run(VERIFY[0])
    left = [path for path in (phone.state.root / "sdcard").rglob("*") if path.name == "results"]
    assert left == []


def test_storage_that_fills_up_while_files_arrive(run, phone):
    phone.set(filled_after=1000)
    message = rf"^adb:{phone.serial}: its storage is full, files can't be stored in [\w/]+: free some space there$"
    with pytest.raises(RequestError, match=message):
        run(*VERIFY)
    assert phone.state.read().received
    assert [path for path in (phone.tmp / "edge_export").rglob("*") if path.is_file()] == []
    phone.set(free_bytes=1 << 30)
    results = run(resume=run.request)
    assert {outcome for outcome, _ in outcomes(results).values()} == {"done"}


def test_what_was_finished_is_here_when_the_phone_has_lost_everything(adb, phone, tmp_path):
    folder, device, said = tmp_path / "request", AdbPhone(adb), []
    request = request_folder(folder, *VERIFY)

    def pull_the_cable(item, state):
        said.append((item, state))
        if (item, state) == ("1-segmenter", "started"):
            phone.set(offline=True)

    with pytest.raises(LinkLost, match="go on with --resume"):
        run_on(device, request, folder, pull_the_cable, resume=False)
    assert [path.name for path in (folder / "results").iterdir()] == ["0-classifier"]
    phone.set(offline=False)
    phone.wait_until_online()
    adb.require(END, "the runner can't be ended")  # it goes on without a link
    adb.require("rm -rf /data/local/tmp/edge_export /sdcard/Android/media/edge.runner", "it can't be wiped")
    said.clear()
    results = run_on(device, request, folder, lambda *event: said.append(event), resume=True)
    assert {outcome for outcome, _ in outcomes(results).values()} == {"done"}
    assert [item for item, state in said if state == "started"] == ["1-segmenter", "2-classifier"]
    again = run_on(device, request, folder, lambda *_: None, resume=True)  # nothing is left to run
    assert outcomes(again) == outcomes(results)


def test_a_lost_link_and_its_resume(run, phone):
    phone.set(offline_after=1)
    with pytest.raises(LinkLost, match="go on with --resume"):
        run(*VERIFY)
    phone.set(offline=False)
    phone.wait_until_online()
    before = len(run.said)
    results = run(resume=run.request)
    assert {outcome for outcome, _ in outcomes(results).values()} == {"done"}
    assert ("0-classifier", "started") not in run.said[before:]


def test_a_crash_of_the_runner_costs_its_item(run, phone):
    phone.set(crash_after=1)
    results = outcomes(run(*VERIFY))
    assert results["1-segmenter"] == ("failed", "the runner ended: Process crashed.")
    assert results["0-classifier"][0] == results["2-classifier"][0] == "done"


@pytest.mark.slow
def test_a_hang_costs_its_item(run, phone):
    phone.set(hang_after=1)
    results = outcomes(run(*VERIFY, grace_s=-20))
    assert results["1-segmenter"][0] == "failed"
    assert "longer than its time limit" in results["1-segmenter"][1]
    assert results["0-classifier"][0] == results["2-classifier"][0] == "done"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("garbled", "status.json"),
        ("garbled outputs", "safetensors"),
        ("too large", "more than the"),
        ("parent folder", "outputs.path"),
        ("other run", "of run another"),
    ],
)
def test_a_result_that_cannot_be_trusted_is_a_failure(run, phone, tmp_path, how, reason):
    phone.set(spoil=how)
    results = outcomes(run(*TWO))
    assert results["0-classifier"][0] == "failed"
    assert reason in results["0-classifier"][1]
    assert results["1-segmenter"][0] == "done"
    assert max(path.stat().st_size for path in tmp_path.joinpath("request").rglob("*")) < TOO_LARGE


def test_times_that_are_no_numbers_are_a_failure(run, phone):
    phone.set(spoil="not a number")
    results = outcomes(run(("bench", "classifier")))
    assert results["0-classifier"][0] == "failed"


def test_no_room_is_said_before_anything_is_sent(run, phone):
    phone.set(free_bytes=1 << 20)
    with pytest.raises(RequestError, match=rf"^adb:{phone.serial}: its storage is full, 32 MiB more are needed there"):
        run(VERIFY[0])


def changes_of_apps(phone):
    return re.findall(r"pm (?:un)?install", "\n".join(phone.state.read().log))


def test_a_missing_app_is_installed(run, phone):
    phone.set(runner="")
    results = run(VERIFY[0])
    assert outcomes(results)["0-classifier"][0] == "done"
    assert phone.state.inside(APP).read_bytes() == APP_CONTENT
    assert not list(phone.tmp.glob("*.apk"))
    assert run.said[0] == ("0-classifier", "installing the runner app")
    run(VERIFY[0])
    assert changes_of_apps(phone) == ["pm install"]


def test_another_app_than_the_one_that_was_built_is_replaced(run, phone, tmp_path):
    (tmp_path / "runner.apk").write_bytes(b"the next version")
    phone.set(other_key=True)
    assert outcomes(run(VERIFY[0]))["0-classifier"][0] == "done"
    assert phone.state.inside(APP).read_bytes() == b"the next version"
    assert changes_of_apps(phone) == ["pm install", "pm uninstall", "pm install"]


def test_an_app_that_is_nowhere_is_told_with_the_command_that_builds_it(run, phone, monkeypatch, tmp_path):
    phone.set(runner="")
    monkeypatch.setenv("EDGE_EXPORT_ANDROID_RUNNER", str(tmp_path / "missing.apk"))
    with pytest.raises(RequestError, match=r"missing\.apk, and there is no such file$"):
        run(VERIFY[0])
    monkeypatch.delenv("EDGE_EXPORT_ANDROID_RUNNER")
    monkeypatch.setattr(android_install, "BUILT", tmp_path / "missing.apk")
    with pytest.raises(
        RequestError, match=rf"^adb:{phone.serial} lacks the runner app: build it by `make -C android_demo"
    ):
        run(VERIFY[0])
    phone.set(runner="edge.runner")
    assert outcomes(run(VERIFY[0]))["0-classifier"][0] == "done"


def test_a_phone_that_takes_no_app_says_why(run, phone):
    phone.set(runner="", refuses_apps=True)
    with pytest.raises(RequestError, match=r"the runner app can't be installed .*USER_RESTRICTED: Install canceled"):
        run(VERIFY[0])


def test_a_bench_rests_before_each_round_and_runs_on_the_battery(run, phone):
    results = run(*BENCH)
    assert {outcome for outcome, _ in outcomes(results).values()} == {"done"}
    log = "\n".join(phone.state.read().log)
    steps = re.findall(r"battery (unplug|reset)|(-e request)", log)
    assert ["".join(step) for step in steps] == ["unplug", "-e request", "reset"] * 2
    for result in results.items.values():
        before, after = result.status.before, result.status.after
        assert (before.cooled, before.temperature_c, before.charging) == (True, 28.4, True)
        assert (after.temperature_c, after.charging) == (28.4, None)
    assert phone.state.read().reported is None


def test_a_warm_phone_cools_down_first(run, phone):
    phone.set(battery={"ac": 0, "usb": 1, "wireless": 0, "status": 2, "level": 85, "temp": 400}, cools_by=10)
    results = run(("bench", "classifier"), cool_down=CoolDown(look_s=0.01))
    before = results.items["0-classifier"].status.before
    assert before.cooled
    assert before.temperature_c <= 37.0
    assert ("0-classifier", "cooling down") in run.said


@pytest.mark.parametrize("state", [{"thermal_status": 3}, {"battery": {"temp": 401}}])
def test_a_phone_that_stays_warm_is_timed_all_the_same_and_it_is_recorded(run, phone, state):
    battery = phone.state.read().battery | state.get("battery", {})
    phone.set(**(state | {"battery": battery}))
    results = run(("bench", "classifier"), cool_down=CoolDown(wait_s=0.2, look_s=0.05))
    status = results.items["0-classifier"].status
    assert status.outcome == "done"
    assert status.before.cooled is False


def test_a_link_that_is_lost_leaves_word_of_the_battery(run, phone):
    phone.set(offline_after=1)
    with pytest.raises(LinkLost, match="it takes itself for unplugged"):
        run(*BENCH)
    assert phone.state.read().reported is not None
    phone.set(offline=False)
    phone.wait_until_online()
    results = run(resume=run.request)
    assert {outcome for outcome, _ in outcomes(results).values()} == {"done"}
    assert phone.state.read().reported is None


def test_found_says_what_each_phone_runs(attach):
    works, missing, refused = attach(), attach(runner=""), attach(unauthorized=True)
    listed = {each.name: each for each in found()}
    assert "tflite" in listed[f"adb:{works.serial}"].runs
    assert listed[f"adb:{works.serial}"].about == "Pixel 8, Android 15 (API 35)"
    assert "lacks the runner app" in listed[f"adb:{missing.serial}"].problem
    assert "allow USB debugging" in listed[f"adb:{refused.serial}"].problem


def test_the_only_phone_is_opened_by_its_kind_alone(phone):
    assert open_adb("").name == f"adb:{phone.serial}"


def test_rounds_of_a_bench(tmp_path):
    wanted = (("memory", "classifier"), *BENCH, ("verify", "classifier"), ("verify", "classifier"))
    items = request_folder(tmp_path / "request", *wanted).items
    assert [[item.id[0] for item in each] for each in rounds(items)] == [["0"], ["1", "2"], ["3", "4"], ["5", "6"]]
