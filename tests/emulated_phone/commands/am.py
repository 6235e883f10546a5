"""`am instrument -r -w -e KEY VALUE … COMPONENT`, and `am force-stop PACKAGE`.

The runner app of this phone is the Python runner, or the real one on this machine's Java: it runs the request for real.
As an app must, it reads the request folder, which belongs to the shell, and writes into a folder of its own.
"""

import json
import shutil
import sys
from pathlib import Path

from emulated_phone.runner import End, end_runner, run_on_jvm, run_runner, write_facts
from emulated_phone.spoil import spoil
from emulated_phone.state import this_phone


def status(code: int, **bundle: str) -> None:
    for key, value in sorted(bundle.items()):
        print(f"INSTRUMENTATION_STATUS: {key}={value}")
    print(f"INSTRUMENTATION_STATUS_CODE: {code}", flush=True)


def instrument(words: list[str]) -> None:
    values, component = {}, words[-1]
    while words[0] != component:
        if words[0] == "-e":
            values[words[1]] = words[2]
        words = words[3:] if words[0] == "-e" else words[1:]
    if component.partition("/")[0] != phone.read().runner:
        error = f"Unable to find instrumentation info for: ComponentInfo{{{component}}}"
        status(-1, Error=error, id="ActivityManagerService")
        print(f"INSTRUMENTATION_FAILED: {component}")
        sys.exit(1)
    if phone.read().jvm:
        if run_on_jvm(phone) == End.CRASHED:
            print("INSTRUMENTATION_RESULT: shortMsg=Process crashed.\nINSTRUMENTATION_CODE: 0")
        return
    results = Path(values["results"])
    results.mkdir(parents=True, exist_ok=True)
    if "request" not in values:
        write_facts(phone, results)
        print("INSTRUMENTATION_CODE: -1")
        return
    request = Path(values["request"])
    shutil.copy(request / "request.json", results)
    for path in request.iterdir():
        if path.is_dir() and not (results / path.name).exists():
            (results / path.name).symlink_to(path)
    first = json.loads((results / "request.json").read_text())["items"][0]["id"]

    def tell(event: dict[str, str]) -> None:
        if event["item"] == first and event["outcome"] != "started":
            spoil(phone.read().spoil, results / "results" / first)
        status(1 if event["outcome"] == "started" else 0, **event)

    end = run_runner(phone, results, tell)
    if end == End.CRASHED:
        print("INSTRUMENTATION_RESULT: shortMsg=Process crashed.\nINSTRUMENTATION_CODE: 0")
        return
    print(f"INSTRUMENTATION_RESULT: outcome=finished\nINSTRUMENTATION_CODE: {-1 if end == End.FINISHED else 1}")


phone = this_phone()
if sys.argv[1] == "instrument":
    instrument(sys.argv[2:])
elif sys.argv[1] == "force-stop":
    end_runner(phone)
else:
    sys.exit(f"Error: unknown command '{sys.argv[1]}'")
