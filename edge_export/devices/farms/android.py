"""Android phones in a farm: the test spec that runs a request there, and what an app must be.

The phone's side is the runner app of `adb`: the same instrumentation, the same folders. AWS puts the extra data on the
phone's external storage, which apps may not read: the spec copies it to where the runner reads.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.devices.android_files import FOLDER
from edge_export.devices.android_runner import FACTS, PACKAGE, RESULTS, RUN
from edge_export.devices.farms.extra_data import EXTRA_DATA, write_extra_data
from edge_export.devices.farms.platforms import Goods
from edge_export.devices.farms.results import RESULT_FOLDER, Read
from edge_export.devices.farms.spec_file import spec_file
from edge_export.devices.request import DEVICE, Request
from edge_export.devices.results import RESULTS as ITEMS
from edge_export.errors import RequestError

_SPARE_MINUTES = 10
"""Of a job's time: for the farm's own preparation, and for bringing back what is finished."""


def check_apks(app: Path, tests: Path, bundle: Bundle) -> None:
    """Raises RequestError if one of them is no APK."""
    for path in dict.fromkeys((app, tests)):
        _check_apk(path)


def tests_in(app: Path) -> Path:
    """Returns the test package of the runner app: that is the app, which instruments itself."""
    return app


def pack(app: Path, tests: Path, request: Request, folder: Path, minutes: int, work: Path) -> Goods:
    """Returns the files that go to the farm; new ones stand in `work`. Raises RequestError if they can't be written.

    Args:
        folder: The request folder.
        minutes: How long the farm lets one phone take.
    """
    data, spec = work / f"{request.run_id}.zip", work / f"{request.run_id}.yml"
    write_extra_data(folder, request, data)
    spec.write_text(_spec(request, minutes), "utf-8")
    return Goods(app=app, tests=tests, spec=spec, data=data)


def reader(read: Read, limits: Mapping[str, Mapping[str, int]]) -> Read:
    """Returns `read`: the results stand where the request folder has them."""
    return read


def _check_apk(path: Path) -> None:
    how = "make one by `make -C android_demo runner`, or give yours"
    if not path.is_file():
        raise RequestError(f"{path}: there is no such file: {how}")
    try:
        with zipfile.ZipFile(path) as apk:
            apk.getinfo("AndroidManifest.xml")
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise RequestError(f"{path} is no APK: {how}") from error


def _spec(request: Request, minutes: int) -> str:
    """Returns the test spec, YAML, that runs `request` on one phone.

    If the app ends before its last item, the item that was running has failed, and the app is started again, as `adb`
    does it here. What is finished comes back whatever happens.
    """
    script = _SCRIPT.format(
        extra=EXTRA_DATA,
        folder=FOLDER,
        package=PACKAGE,
        results=RESULTS,
        facts=FACTS,
        run=RUN,
        run_id=request.run_id,
        starts=len(request.items) + 1,
        seconds=60 * max(1, minutes - _SPARE_MINUTES),
        out=RESULT_FOLDER,
        device_json=DEVICE,
        items=ITEMS,
    )
    return spec_file(_HOST, script)


_HOST = "android_test_host: amazon_linux_2"

_SCRIPT = r"""
(
phone() {{ adb -s "$DEVICEFARM_DEVICE_UDID" "$@" < /dev/null; }}
out="$DEVICEFARM_LOG_DIR/{out}"
mkdir -p "$out"
phone shell pm path {package} || phone install -r -g "$DEVICEFARM_APP_PATH"
found=$(phone shell "find /sdcard/ -maxdepth 4 -path '*/{extra}/request.json'" | tr -d '\r' | head -n 1)
[ -n "$found" ] || {{ echo "the extra data is not on the phone"; exit 1; }}
phone shell "rm -rf {folder} {results}/{items} {results}/{device_json}; mkdir -p {folder} {results} &&
    cp -R '${{found%/request.json}}/.' {folder} && chmod -R a+rX {folder}" || exit 1
phone shell "{facts}"
end=$(($(date +%s) + {seconds}))
finished=
for start in $(seq {starts}); do
    left=$((end - $(date +%s)))
    [ "$left" -gt 0 ] || break
    timeout "$left" adb -s "$DEVICEFARM_DEVICE_UDID" shell "{run}" < /dev/null | tr -d '\r' > "$out/runner.txt"
    cat "$out/runner.txt"
    if grep -q '^INSTRUMENTATION_CODE: -1' "$out/runner.txt"; then finished=yes; break; fi
    outcome=$(sed -n 's/^INSTRUMENTATION_STATUS: outcome=//p' "$out/runner.txt" | tail -n 1)
    item=$(sed -n 's/^INSTRUMENTATION_STATUS: item=//p' "$out/runner.txt" | tail -n 1 | tr -cd 'A-Za-z0-9_.+-')
    [ "$outcome" = started ] && [ -n "$item" ] || break
    why=$(sed -n 's/^INSTRUMENTATION_RESULT: shortMsg=//p' "$out/runner.txt" | tail -n 1 | tr -cd 'A-Za-z0-9 .:-')
    printf '{{"schema":"1.0","run_id":"{run_id}","item":"%s","outcome":"failed","reason":"the runner ended: %s"}}' \
        "$item" "${{why:-it gave no reason}}" > "$out/status.json"
    phone shell "mkdir -p {results}/{items}/$item"
    phone push "$out/status.json" "{results}/{items}/$item/status.json"
done
rm -f "$out/status.json"
phone pull {results}/{device_json} "$out/{device_json}"
phone pull {results}/{items} "$out/"
[ -n "$finished" ]
)
"""
