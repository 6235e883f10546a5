"""Shared by all tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from faults_tally import lines
from isolated_environments import isolated

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a background job of a shell; children would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # below nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

if "PYTEST_XDIST_WORKER" in os.environ:  # there is a process for each core
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: the quick ones then keep all processes busy to the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def randomize_statistics(module: torch.nn.Module) -> torch.nn.Module:
    """BatchNorm statistics and weights that are nothing like a fresh layer's, so that folding has something to do."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None:
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.3, 3.0)
            if layer.affine:
                torch.nn.init.normal_(layer.weight)
                torch.nn.init.normal_(layer.bias)
    return module.eval()


@pytest.fixture
def randomized():
    return randomize_statistics


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory):
    """A real bundle of the smallest digits member, built by the command line. Copy it before changing it."""
    root = Path(__file__).resolve().parents[1]
    out = tmp_path_factory.mktemp("small") / "bundle"
    request = ["build", "--target", "linux", "--mother", "digits", "--members", "0.25", "--out", str(out)]
    command = [sys.executable, "-m", "edge_export", *request]
    environment = {**os.environ, "EDGE_EXPORT_CACHE": str(out.parent / "cache")}
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, timeout=900)
    return out


@pytest.fixture(scope="session")
def tensorflow_environment():
    """TensorFlow's environment: a minute, 2.2 GB."""
    return isolated("tensorflow")


@pytest.fixture(scope="session")
def coreai_environment():
    """Core AI's environment: 85 MB to download."""
    return isolated("coreai")


def pytest_terminal_summary(terminalreporter):
    tally = list(lines(report for reports in terminalreporter.stats.values() for report in reports))
    if tally:
        terminalreporter.section("faults that were planted, and what caught them")
        terminalreporter.write("\n".join([*tally, ""]))
