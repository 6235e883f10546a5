"""A member is independent of its mother, or is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edge_export.errors import RequestError
from edge_export.members.extract import extract, forward
from tests import strangers


def test_a_member_is_the_mother_at_its_configuration():
    mother = strangers.Mother()
    x = torch.randn(5, 6)
    for config in mother.space.all():
        (expected,) = forward(mother, (x,), config)
        (got,) = forward(extract(mother, config), (x,))
        assert torch.allclose(expected, got, atol=1e-6)


class Itself(strangers.Mother):
    def extract(self, config):
        return nn.Sequential(self)


class Nothing(strangers.Mother):
    def extract(self, config):
        return lambda x: x


@pytest.mark.parametrize(
    ("mother", "message"),
    [
        (strangers.SharingMember, "shares last.bias with the mother's last.bias: clone it"),
        (Itself, "still holds the elastic mother"),
        (Nothing, "return a torch.nn.Module"),
    ],
)
def test_what_is_no_member_is_refused(mother, message):
    with pytest.raises(RequestError, match=message):
        extract(mother(), 2)


def test_inputs_that_do_not_fit_are_named():
    with pytest.raises(RequestError, match=r"Mother cannot run on inputs of shape \(1, 7\)"):
        forward(strangers.Mother(), (torch.zeros(1, 7),))
