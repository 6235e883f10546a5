"""Few recordings that calibrate as well as many."""

import torch
from torch import Tensor, nn

from edge_export.members.calibrate import batch_norms
from edge_export.training.representative import choose_representative


class Member(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
        self.linear = nn.Linear(3, 3)

    def forward(self, audio: Tensor) -> Tensor:
        rows = audio.unflatten(-1, (-1, 3)).flatten(0, 2)
        out: Tensor = self.second(torch.relu(self.linear(self.first(rows))))
        return out


def test_the_chosen_have_the_statistics_of_many_though_most_of_the_pool_has_others() -> None:
    torch.manual_seed(0)
    member = Member().eval()
    loud, near = 2.0 + 3.0 * torch.randn(60, 1, 300), torch.randn(20, 1, 300)
    reference = torch.randn(200, 1, 300)
    chosen = choose_representative([member], torch.cat([loud, near]), reference, 6)
    assert len(set(chosen)) == 6
    assert min(chosen) >= 60
    first = batch_norms(member)["first"]
    assert first.running_var is not None
    assert first.running_var.sub(1.0).abs().max() < 0.05, "the member keeps the statistics of the reference"


def test_a_mixture_of_both_kinds_is_chosen_where_the_reference_is_one() -> None:
    torch.manual_seed(0)
    low, high = torch.randn(30, 1, 300) - 2.0, torch.randn(30, 1, 300) + 2.0
    reference = torch.cat([torch.randn(50, 1, 300) - 2.0, torch.randn(150, 1, 300) + 2.0])
    reference = reference[torch.randperm(len(reference))]
    chosen = choose_representative([Member().eval()], torch.cat([low, high]), reference, 8)
    assert sum(index >= 30 for index in chosen) == 6
