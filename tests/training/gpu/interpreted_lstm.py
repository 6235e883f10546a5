"""Compares the fused LSTM with nn.LSTM, on the CPU by Triton's interpreter.

Prints one JSON object: for each case the relative error of each result. Run it with TRITON_INTERPRET=1, which Triton
reads when it is imported.
"""

import json

import torch
from separators import mask_results, random_spectrum, tiny_network
from torch import Tensor, nn

from edge_export.training.gpu.fused_lstm import fused_lstms
from edge_export.training.gpu.fused_masks import LSTMs, choose_lstms, fused_masks, separate_lstms


def lstm_results(
    lstms: LSTMs, count: int, bidirectional: bool, sequences: int, steps: int, moved: float = 0.0
) -> dict[str, Tensor]:
    """Returns the output and every gradient of `count` LSTMs of 5 to 16 features, after one weight has moved."""
    torch.manual_seed(0)
    layers = nn.ModuleList(nn.LSTM(5, 16, batch_first=True, bidirectional=bidirectional) for _ in range(count))
    with torch.no_grad():
        layers[0].weight_hh_l0[0, 0] += moved
    x = torch.randn(sequences, steps, 5, requires_grad=True)
    output = lstms(list(layers), x)
    (output * torch.randn(output.shape)).sum().backward()
    return {"output": output, "x": x.grad, **{name: p.grad for name, p in layers.named_parameters()}}


def errors(results: dict[str, Tensor], references: dict[str, Tensor]) -> dict[str, float]:
    assert results.keys() == references.keys()
    assert all(each.shape == references[name].shape for name, each in results.items())
    return {
        name: float((each - references[name]).norm() / references[name].norm().clamp_min(1e-4))
        for name, each in results.items()
    }


if __name__ == "__main__":
    # 19 sequences are a whole block of 16 and a part of one.
    cases = {"one way": (1, False, 19, 4), "both ways": (2, True, 19, 4), "three, one step": (3, True, 2, 1)}
    found = {
        name: errors(lstm_results(fused_lstms, *case), lstm_results(separate_lstms, *case))
        for name, case in cases.items()
    }
    one_way = cases["one way"]
    found["moved"] = errors(lstm_results(fused_lstms, *one_way, moved=0.01), lstm_results(separate_lstms, *one_way))
    network, spectrum = tiny_network(), random_spectrum(hops=2)
    chosen, problem = choose_lstms(network.settings, torch.device("cpu"))
    found["masks"] = errors(
        mask_results(network, lambda: fused_masks(network, spectrum, 2, 2, chosen)),
        mask_results(network, lambda: network.masks(spectrum, 2, 2)),
    )
    print(json.dumps({"chosen": chosen.__name__, "problem": problem, "errors": found}))
