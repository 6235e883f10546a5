"""Factories of modules, as `compare --against` names them: those of `compiled_members`, and some that misbehave."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import nn

from tests import compiled_members

WITNESS = "EDGE_EXPORT_TEST_WITNESS"
"""The environment variable that names the file which `leaves_its_process_id` writes."""


def classifier() -> nn.Module:
    return compiled_members.network("classifier")


def segmenter() -> nn.Module:
    return compiled_members.network("segmenter")


def streamer() -> nn.Module:
    return compiled_members.network("streamer")


def no_module() -> int:
    return 3


def leaves_its_process_id() -> nn.Module:
    with Path(os.environ[WITNESS]).open("a") as witness:
        witness.write(f"{os.getpid()}\n")
    print(f"made in process {os.getpid()}")
    return classifier()


def exits() -> nn.Module:
    os._exit(3)


def asks_to_exit() -> nn.Module:
    sys.exit(3)


def raises() -> nn.Module:
    raise OSError("disk on fire")


class ExitsWhenItRuns(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        os._exit(4)


def exits_when_it_runs() -> nn.Module:
    return ExitsWhenItRuns()
