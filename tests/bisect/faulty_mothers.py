"""Mothers whose members have one wrong number."""

from __future__ import annotations

from dataclasses import replace

import torch

from edge_export.data.digits import recordings
from edge_export.mothers.band_split.mother import SEPARATOR, ElasticBandSplit
from edge_export.mothers.catalog import open_mother
from edge_export.mothers.protocol import Recordings
from tests.conftest import randomize_statistics


def wrong_statistic():
    """The digits, one running mean of a BatchNorm in the middle off by a tenth."""
    mother = open_mother("digits")
    mother.recordings = recordings
    return _off(mother, "features.2.body.4")


def wrong_separator():
    """A small separator with a wrong statistic before its second recurrence over time."""
    mother = ElasticBandSplit(replace(SEPARATOR, features=8, hidden=8, gate_hidden=4, mask_hidden=8), 2, 2)
    sound = torch.randn(2, 1, 20000, generator=torch.Generator().manual_seed(1)) * 0.1
    mother.recordings = lambda: Recordings([(sound,)], (sound,))
    return _off(randomize_statistics(mother), "layers.1.time.norm")


def _off(mother, layer):
    class Faulty(type(mother)):
        def extract(self, config):
            member = super().extract(config)
            member.get_submodule(layer).running_mean[1] += 0.1
            return member

    mother.__class__ = Faulty  # a copy of hers extracts from itself
    return mother
