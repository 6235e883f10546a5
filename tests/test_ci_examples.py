"""The pipelines in examples/ci are valid, and run commands that there are."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from picker_vectors import read_vectors, whole_manifest

from edge_export.__main__ import parser
from edge_export.cli.farm import GITLAB_TEMPLATE
from edge_export.devices.farm import (
    COLLECT_TEMPLATE,
    DEVICE_TEMPLATE,
    github_matrix,
    gitlab_pipeline,
    jobs_of,
    read_farm,
)

ROOT = Path(__file__).resolve().parents[1]
CI = ROOT / "examples" / "ci"
GITHUB, GITLAB, GITLAB_DEVICE = CI / "github.yml", CI / "gitlab.yml", CI / "gitlab_device.yml"
MANIFEST = whole_manifest(read_vectors()["manifests"]["digits"])
JOBS = jobs_of(read_farm(CI / "devices.toml"), MANIFEST)


def problems(schema: str, *files: Path) -> str:
    """What a kept JSON schema of the CI system finds wrong in `files`. Empty: nothing."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    if schema == "gitlab-ci":
        command += ["--data-transform", "gitlab-ci"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_github_workflow_is_valid(tmp_path):
    assert problems("github-workflows", GITHUB) == ""
    broken = tmp_path / "broken.yml"
    broken.write_text(GITHUB.read_text().replace("runs-on: ubuntu-latest", "runs-onn: ubuntu-latest", 1))
    assert "runs-on" in problems("github-workflows", broken)


def test_the_gitlab_pipelines_are_valid(tmp_path):
    child = tmp_path / "devices.yml"
    child.write_text(json.dumps(gitlab_pipeline(JOBS, GITLAB_TEMPLATE)))
    assert problems("gitlab-ci", GITLAB, GITLAB_DEVICE, child) == ""
    broken = tmp_path / "broken.yml"
    broken.write_text(GITLAB.read_text().replace("strategy: depend", "strategy: hope"))
    assert "strategy" in problems("gitlab-ci", broken)


def test_what_plan_prints_fits_the_pipelines():
    keys = set(re.findall(r"matrix\.([a-z]+)", GITHUB.read_text()))
    for job in github_matrix(JOBS)["include"]:
        assert keys <= job.keys()
    assert [job["shard"] for job in github_matrix(JOBS)["include"]] == ["1/2", "2/2", "1/1"]
    template = yaml.safe_load(GITLAB_DEVICE.read_text())
    assert (ROOT / GITLAB_TEMPLATE).samefile(GITLAB_DEVICE)
    child = gitlab_pipeline(JOBS, GITLAB_TEMPLATE)
    jobs = [job for name, job in child.items() if name != "include"]
    assert {job["extends"] for job in jobs} == {DEVICE_TEMPLATE, COLLECT_TEMPLATE} <= template.keys()
    assert len(child["collect"]["needs"]) == len(JOBS) + 1
    used = set(re.findall(r"\$([A-Z]+)\b", GITLAB_DEVICE.read_text()))
    given = jobs[0]["variables"].keys() | template["variables"].keys()
    assert used - given == set()


@pytest.mark.parametrize("path", [GITHUB, GITLAB, GITLAB_DEVICE], ids=lambda path: path.name)
def test_commands_in_the_pipelines_parse(path):
    """Variables stand for values that no test knows; an empty array or variable adds no argument."""
    values = {"SHARD": "1/2", "DEVICE": "local"}
    found = re.findall(r"edge_export ((?:build|verify|bench|farm) .*)", path.read_text())
    assert found
    for line in found:
        line = re.split(r"\|\||>|\)\"", line)[0].replace('"${baseline[@]}"', "").replace("$baseline", "")
        words = [re.sub(r"\$([A-Z]+)", lambda m: values.get(m[1], "x"), word) for word in shlex.split(line)]
        parser().parse_args(words)
