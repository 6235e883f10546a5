"""Networks of timm with a free depth: the first blocks of each stage. It needs `pip install timm`.

python -m edge_export build --target linux --mother examples.networks.timm_networks:convnext
python -m edge_export build --target linux --mother examples.networks.timm_networks:efficientnet
python -m edge_export build --target linux --mother examples.networks.timm_networks:vit
"""

import copy

import timm
import torch
from torch import nn

from edge_export.mothers.protocol import IOSpec, TensorSpec
from examples.networks.listed import Listed, pictures

SIDE = 64
"""Pixels of a picture's side."""


class ElasticDepth(nn.Module):
    """A network whose stages, sequences of blocks, may lose their last blocks.

    Args:
        stages: The names of the sequences.
        depths: The blocks that the smallest and the largest member have of each.
    """

    io = IOSpec(
        (TensorSpec("image", (1, 3, SIDE, SIDE), layout="NCHW", unit="pixels in 0..1"),),
        (TensorSpec("logits", (1, 10)),),
    )

    def __init__(self, network, stages, depths):
        super().__init__()
        self.network, self.stages = network.eval(), stages
        self.space = Listed(**{f"d{depth}": depth for depth in depths})

    def forward(self, image, config=None):
        whole = {name: self.network.get_submodule(name) for name in self.stages}
        try:
            for name, stage in whole.items():
                self.network.set_submodule(name, stage[:config])
            return self.network(image)
        finally:
            for name, stage in whole.items():
                self.network.set_submodule(name, stage)

    def extract(self, config):
        member = copy.deepcopy(self.network)
        for name in self.stages:
            member.set_submodule(name, member.get_submodule(name)[:config])
        return member

    def example_inputs(self, config):
        return (torch.zeros(1, 3, SIDE, SIDE),)

    def recordings(self):
        return pictures(SIDE)


def _of_timm(name, **options):
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=10, **options)


def convnext():
    """A ConvNeXt (arXiv 2201.03545): depthwise 7 × 7, LayerNorm over channels, GELU, a scale for each channel."""
    network = _of_timm("convnext_atto", depths=(2, 2, 2, 2), dims=(16, 24, 32, 48), ls_init_value=0.5)
    return ElasticDepth(network, [f"stages.{index}.blocks" for index in range(4)], (1, 2))


def efficientnet():
    """The first stages of EfficientNet-B0 (arXiv 1905.11946): swish, and squeeze and excitation."""
    network = _of_timm("efficientnet_b0")
    del network.blocks[4:]
    network.conv_head = nn.Conv2d(80, 128, 1, bias=False)
    network.bn2 = type(network.bn2)(128, act_layer=nn.SiLU)
    network.classifier = nn.Linear(128, 10)
    return ElasticDepth(network, [f"blocks.{index}" for index in range(1, 4)], (1, 3))


def vit():
    """A small ViT (arXiv 2010.11929): patches of 8 × 8, a class token, learned positions."""
    sizes = {"img_size": SIDE, "patch_size": 8, "embed_dim": 64, "depth": 4, "num_heads": 4}
    return ElasticDepth(_of_timm("vit_tiny_patch16_224", **sizes), ["blocks"], (2, 4))
