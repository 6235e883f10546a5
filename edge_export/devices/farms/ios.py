"""iPhones in a farm: what goes there, the test spec that runs a request, and what reads the results.

The phone's side is the demo app with its hosted tests, as for `xcode`. AWS gives no place of an app that its tests may
read extra data from: a copy of the app has the request in its folder, and AWS signs that anew, as it does all apps on
phones that it shares. Its own frameworks run no hosted tests by a spec, so the test package is called one of Appium for
Node.js, which AWS unpacks and leaves alone.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.devices.farms.extra_data import EXTRA_DATA, add_request
from edge_export.devices.farms.ipa import MAKE, TESTS, products_of, read_ipa
from edge_export.devices.farms.platforms import Goods
from edge_export.devices.farms.results import RESULT_FOLDER, Read
from edge_export.devices.farms.spec_file import spec_file
from edge_export.devices.request import DEVICE, Request
from edge_export.devices.results import RESULTS
from edge_export.devices.xcode_results import (
    HEADER_BYTES,
    MANIFEST,
    MANIFEST_BYTES,
    OWN,
    agreed_pieces,
    header_of,
    largest_piece,
    pieces_in,
    unpacked,
)
from edge_export.errors import RequestError, one_line

BUILT = Path(__file__).parents[3] / "ios_demo" / "build" / "farm" / "EdgeFamilyDemo.ipa"
_SPARE_MINUTES = 10
"""Of a job's time: for the farm's own preparation, and for bringing back what is finished."""
_STARTS_OF_AN_ITEM = 2
"""The runner gives an item up when the app has ended in it so often."""
_COPIED = "copied"
_ATTACHED = "attached"


def plan_beside(app: Path) -> Path:
    """Returns the .xctestrun file beside the app. Raises RequestError if there is none, or more than one."""
    found = sorted(app.parent.glob("*.xctestrun"))
    if len(found) != 1:
        raise RequestError(f"{app.parent} has {len(found)} .xctestrun files: give one by --tests, or {MAKE}")
    return found[0]


def check_app(app: Path, tests: Path, bundle: Bundle) -> None:
    """Raises RequestError if they are no app for iPhones and its tests, or of another bundle."""
    products_of(tests, read_ipa(app, bundle))


def pack(app: Path, tests: Path, request: Request, folder: Path, minutes: int, work: Path) -> Goods:
    """Returns the files that go to the farm; new ones stand in `work`. Raises RequestError as `check_app`.

    Args:
        folder: The request folder.
        minutes: How long the farm lets one phone take.
    """
    known = read_ipa(app, None)
    goods = Goods(app=work / app.name, tests=work / "tests.zip", spec=work / f"{request.run_id}.yml", data=None)
    script = _SCRIPT.format(
        app=known.name,
        identifier=known.identifier,
        products=products_of(tests, known),
        tests=TESTS,
        out=RESULT_FOLDER,
        attached=_ATTACHED,
        copied=_COPIED,
        results=RESULTS,
        device_json=DEVICE,
        starts=_starts(len(request.items)),
        seconds=60 * max(1, minutes - _SPARE_MINUTES),
    )
    try:
        shutil.copyfile(app, goods.app)
        with zipfile.ZipFile(goods.app, "a", zipfile.ZIP_DEFLATED) as archive:
            add_request(archive, folder, request, f"Payload/{known.name}.app/{EXTRA_DATA}")
        with zipfile.ZipFile(goods.tests, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(tests, tests.name)
        goods.spec.write_text(spec_file(_HOST, script), "utf-8")
    except OSError as error:
        reason = one_line(error.strerror)
        raise RequestError(f"{work} can't be written ({reason}): make room, or set TMPDIR") from error
    return goods


def reader(read: Read, limits: Mapping[str, Mapping[str, int]]) -> Read:
    """Returns a function that reads results by the names that they have in a request folder.

    They stand in attachments of the tests, the last start's first; those that no attachment has, in a copy of the app's
    folder.

    Args:
        read: Reads what the farm keeps.
        limits: The largest size of each file of each item.

    Raises:
        ValueError: An attachment is larger than agreed, or its manifest can't be read.
    """
    agreed = agreed_pieces(limits)
    most = largest_piece(agreed)
    places: dict[str, str] = {}
    for start in range(_starts(len(limits)), 0, -1):
        folder = f"{_ATTACHED}{start}"
        for file in pieces_in(read(f"{folder}/{MANIFEST}", MANIFEST_BYTES) or b"[]"):
            head = read(f"{folder}/{file}", HEADER_BYTES + 1) or b""
            places.setdefault(header_of(head).item, f"{folder}/{file}")

    @lru_cache(maxsize=1)  # a file of an item is asked for after the other
    def files_of(item: str) -> dict[str, bytes]:
        content = read(places[item], most + 1) or b""
        if len(content) > most:
            raise ValueError(f"an attachment has more than the {most} bytes that were agreed")
        return unpacked(content, agreed)[1]

    def read_one(name: str, limit: int) -> bytes | None:
        parts = name.split("/")
        item, file = (OWN, name) if len(parts) == 1 else (parts[-2], parts[-1])
        if item in places:
            content = files_of(item).get(file)
            return None if content is None else content[:limit]
        return read(f"{_COPIED}/{name}", limit)

    return read_one


def _starts(items: int) -> int:
    """Returns how often the tests are started at most."""
    return _STARTS_OF_AN_ITEM * items + 1


_HOST = "ios_test_host: default"

# macOS has no `timeout`.
_SCRIPT = r"""
(
out="$DEVICEFARM_LOG_DIR/{out}"
mkdir -p "$out"
tests=$(find "$DEVICEFARM_TEST_PACKAGE_PATH" -name '*.xctestrun' | head -n 1)
[ -n "$tests" ] || {{ echo "the test package has no .xctestrun file"; exit 1; }}
products=$(dirname "$tests")/{products}
mkdir -p "$products"
unzip -q -o "$DEVICEFARM_APP_PATH" -d "$products/unpacked" || exit 1
mv "$products/unpacked/Payload/{app}.app" "$products/{app}.app" || exit 1
end=$(($(date +%s) + {seconds}))
finished=
for start in $(seq {starts}); do
    left=$((end - $(date +%s)))
    [ "$left" -gt 0 ] || break
    bundle="$DEVICEFARM_LOG_DIR/tests.xcresult"
    rm -rf "$bundle"
    perl -e 'alarm shift; exec @ARGV' "$left" xcodebuild test-without-building -xctestrun "$tests" \
        -destination "id=$DEVICEFARM_DEVICE_UDID" -only-testing:{tests}/RequestTests \
        -resultBundlePath "$bundle" < /dev/null > "$out/xcodebuild.txt" 2>&1 && finished=yes
    cat "$out/xcodebuild.txt"
    xcrun xcresulttool export attachments --path "$bundle" --output-path "$out/{attached}$start" && rm -rf "$bundle"
    [ -z "$finished" ] && grep -q '^Test Suite ' "$out/xcodebuild.txt" || break
done
[ -n "$finished" ] && [ "$(ls "$out/{attached}$start" | wc -l)" -gt 1 ] && exit 0
for name in {device_json} {results}; do
    xcrun devicectl device copy from --device "$DEVICEFARM_DEVICE_UDID" --domain-type appDataContainer \
        --domain-identifier {identifier} --source "Documents/edge_export/own/$name" \
        --destination "$out/{copied}/$name" --json-output "$out/devicectl.json"
done
[ -n "$finished" ]
)
"""
