"""`gcloud firebase test android run …`: what Test Lab does with one phone, here an emulated one.

TEST_LAB_PHONE is its serial number, TEST_LAB_RESULTS the folder of this machine that stands for the bucket.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path


def pairs(text: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in text.split(","))


def adb(*words: str) -> None:
    subprocess.run(["adb", "-s", os.environ["TEST_LAB_PHONE"], *words], check=True, stdin=subprocess.DEVNULL)


def main() -> None:
    assert sys.argv[1:5] == ["firebase", "test", "android", "run"]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--type", choices=("instrumentation",), required=True)
    parser.add_argument("--app", type=zipfile.ZipFile, required=True)
    parser.add_argument("--test", type=zipfile.ZipFile, required=True)
    parser.add_argument("--test-runner-class", required=True)
    parser.add_argument("--environment-variables", type=pairs, required=True)
    parser.add_argument("--other-files", type=pairs, required=True)
    parser.add_argument("--directories-to-pull", required=True)
    parser.add_argument("--device", type=pairs, action="append", required=True)
    parser.add_argument("--timeout", required=True)
    parser.add_argument("--results-dir", required=True)
    parser.add_argument("--no-record-video", action="store_true")
    parser.add_argument("--no-performance-metrics", action="store_true")
    args = parser.parse_args(sys.argv[5:])
    for there, here in args.other_files.items():
        adb("push", here, there)
    words = [f"-e {name} {value}" for name, value in args.environment_variables.items()]
    package = args.test_runner_class.rpartition(".")[0]
    adb("shell", f"am instrument -r -w {' '.join(words)} {package}/{args.test_runner_class}")
    (device,) = args.device
    matrix = Path(
        os.environ["TEST_LAB_RESULTS"], args.results_dir, f"{device['model']}-{device['version']}-en-portrait"
    )
    pulled = matrix / "artifacts" / args.directories_to_pull.strip("/")
    pulled.parent.mkdir(parents=True)
    adb("pull", args.directories_to_pull, str(pulled))


main()
