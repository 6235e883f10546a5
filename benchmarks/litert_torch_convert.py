"""Convert a `.pt2` program to `.tflite` by litert-torch: run by the Python of an environment that has it."""

from __future__ import annotations

import sys

import litert_torch
import torch

program = torch.export.load(sys.argv[1])
litert_torch.convert(program.module(), program.example_inputs[0]).export(sys.argv[2])
