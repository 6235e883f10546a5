"""Factories of the modules in `compiled_members`, as `compare --against` names them."""

from __future__ import annotations

from torch import nn

from tests import compiled_members


def classifier() -> nn.Module:
    return compiled_members.network("classifier")


def segmenter() -> nn.Module:
    return compiled_members.network("segmenter")


def streamer() -> nn.Module:
    return compiled_members.network("streamer")


def no_module() -> int:
    return 3
