"""The rule of choice: which samples of torch's operator and module databases are cases, and why others are not.

Both lists are torch's own, made to test torch: `op_db` has 702 entries, `module_db` 114. Of each entry, at most `most`
samples are cases (by default one): the first one, then those whose arguments differ in kind, that is in their number,
their axes, or their names. Samples are made after `torch.manual_seed(0)`.

An input of the network is every float32 tensor that an operator takes, and every index and mask. Its other arguments
are constants, and so are the weights of what has weights: all tensors but the first of the functions in `WEIGHTED` (the
tables of embeddings), and the parameters of modules. Modules are in eval mode.

Of the 816 entries, 646 have a case. Left out, with the number of entries, is

- what is for training: losses and gradients (46);
- what has no float32 samples (27), or no float32 tensor with axes among its inputs (21), or only empty or large ones
  (7, see `LARGEST`), or makes tensors from none (8);
- complex numbers (18), sparse tensors (3), and what returns no tensor (2) or numbers that are not finite (11);
- what draws random numbers or returns memory as it finds it (9), or writes into its inputs (6);
- what has outputs whose shape depends on the values (5), and what `torch.export` refuses: no way can begin with it (2);
- what needs another device (5).
"""

from __future__ import annotations

import contextlib
import copy
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from edge_export.baking.export import export_program
from edge_export.errors import RequestError

LARGEST = 100_000
"""The most elements of a tensor."""
_TRAINING = re.compile(r"loss|cross_entropy|nll|backward|_grad$|^nn\.(CrossEntropy|.*Loss)")
_WEIGHTED = r"conv|linear$|prelu|norm|embedding|multi_head_attention_forward|^native_(batch|layer|group)"
WEIGHTED = re.compile(rf"^(nn\.functional\.)?.*({_WEIGHTED})")
"""Names of functions whose tensors after the first are weights. `normalize` and norms as a number are not."""
_NORMS_AS_A_NUMBER = re.compile(r"^(linalg\.|norm|masked\.|renorm|nn\.functional\.normalize)")
_DATA_DEPENDENT = re.compile(r"(depends|branches) on values|data.dependent|unbacked|DynamicOutputShape|nonzero")


class LeftOut(Exception):
    """Why an entry or a sample is no case."""


class Call(nn.Module):
    """A function with some tensors as inputs, and all else as constants.

    Args:
        function: What is called.
        leaves: Its arguments, flattened; the inputs' places hold None.
        places: Where the inputs go, in order.
        spec: How (args, kwargs) are put together again.
    """

    def __init__(self, function: Callable[..., Any], leaves: list[Any], places: list[int], spec: TreeSpec) -> None:
        super().__init__()
        self.places, self.spec = places, spec
        self.leaves = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        for index, leaf in enumerate(leaves):
            if isinstance(leaf, Tensor) and index not in places:
                self.register_buffer(f"constant_{index}", leaf)
        if isinstance(function, nn.Module):
            self.network = function
        else:
            self.function = function

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Returns the tensors that the function returns, in order."""
        leaves = list(self.leaves)
        for name, constant in self.named_buffers(recurse=False):
            leaves[int(name.rpartition("_")[2])] = constant
        for place, tensor in zip(self.places, inputs, strict=True):
            leaves[place] = tensor
        args, kwargs = tree_unflatten(leaves, self.spec)
        function = self.network if "network" in self._modules else self.function
        return tuple(leaf for leaf in tree_flatten(function(*args, **kwargs))[0] if isinstance(leaf, Tensor))


@dataclass(frozen=True)
class Case:
    """A case, before anything converts it.

    Attributes:
        name: Such as "op nn.functional.conv2d 0", with the sample's index.
        network: In eval mode.
        program: It, exported.
        inputs: The sample's, and others of the same shapes from another seed where there are any.
        outputs: What the network returns for each of `inputs`.
        wide: The same in float64; empty where it does not run in float64.
    """

    name: str
    network: nn.Module
    program: ExportedProgram
    inputs: tuple[tuple[Tensor, ...], ...]
    outputs: tuple[tuple[Tensor, ...], ...]
    wide: tuple[tuple[Tensor, ...], ...]


def entries() -> list[str]:
    """Returns the names of all entries of both lists."""
    return [*_operators(), *_modules()]


def cases_of(entry: str, most: int) -> Iterator[Case | LeftOut]:
    """Yields the cases of an entry; if it has none, the most frequent reason why a sample is none."""
    if _TRAINING.search(entry.partition(" ")[2]):
        yield LeftOut("for training")
        return
    try:
        samples, others = (_samples(entry, seed) for seed in (0, 1))
    except LeftOut as why:
        yield why
        return
    except Exception as error:  # torch's lists hold what needs other devices or packages
        yield LeftOut(f"torch makes no samples of it ({type(error).__name__})")
        return
    kinds: set[str] = set()
    reasons: Counter[str] = Counter()
    for index, sample in enumerate(samples):
        kind = _kind(sample)
        if kind in kinds:
            continue
        try:
            other = others[index] if index < len(others) else sample
            case = _case(entry, index, sample, other)
        except LeftOut as why:
            reasons[str(why)] += 1
            continue
        kinds.add(kind)
        yield case
        if len(kinds) == most:
            return
    if not kinds:
        yield LeftOut(reasons.most_common(1)[0][0] if reasons else "without samples")


@dataclass(frozen=True)
class _Sample:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def _operators() -> dict[str, Any]:
    from torch.testing._internal.common_methods_invocations import op_db

    return {f"op {entry.full_name}": entry for entry in op_db}


def _modules() -> dict[str, Any]:
    from torch.testing._internal.common_modules import module_db

    return {f"module {entry.name}": entry for entry in module_db}


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _samples(entry: str, seed: int) -> list[_Sample]:
    _seed(seed)
    if entry.startswith("op "):
        operator = _operators()[entry]
        if torch.float32 not in operator.dtypes:
            raise LeftOut("not for float32")
        if operator.is_factory_function:
            raise LeftOut("makes tensors from no tensor")
        if "sparse" in entry:
            raise LeftOut("sparse")
        made = operator.sample_inputs("cpu", torch.float32, requires_grad=False)
        return [_Sample(operator.op, (each.input, *each.args), dict(each.kwargs)) for each in made]
    module = _modules()[entry]
    samples = []
    for made in module.module_inputs_func(
        module, device="cpu", dtype=torch.float32, requires_grad=False, training=False
    ):
        if made.forward_input is None:
            continue
        torch.manual_seed(0)  # the same weights for each seed
        given = made.constructor_input
        network = module.module_cls(*given.args, **given.kwargs).to(torch.float32).eval()
        samples.append(_Sample(network, tuple(made.forward_input.args), dict(made.forward_input.kwargs)))
    return samples


def _kind(sample: _Sample) -> str:
    """Returns what is alike in samples of one kind: the structure of the arguments, and the axes of tensors."""
    leaves, spec = tree_flatten((sample.args, sample.kwargs))
    return f"{[leaf.dim() if isinstance(leaf, Tensor) else type(leaf).__name__ for leaf in leaves]} {spec}"


def _case(entry: str, index: int, sample: _Sample, other: _Sample) -> Case:
    if sample.kwargs.get("training"):
        raise LeftOut("for training")
    leaves, spec = tree_flatten((sample.args, sample.kwargs))
    tensors = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
    weights = list(sample.function.parameters()) if isinstance(sample.function, nn.Module) else []
    _check_tensors([leaves[place] for place in tensors], weights)
    name = entry.partition(" ")[2]
    has_weights = WEIGHTED.match(name) and not _NORMS_AS_A_NUMBER.match(name) and entry.startswith("op ")
    floats = [place for place in tensors if leaves[place].dtype == torch.float32]
    places = floats[: 2 if "bilinear" in name else 1] if has_weights else tensors
    if "embedding" in name and entry.startswith("op "):
        places = [place for place in tensors if place not in floats]
    network = Call(sample.function, leaves, places, spec).eval()
    given = tuple(leaves[place].detach().clone().contiguous() for place in places)
    program = _exported(network, given)
    inputs, outputs = [given], [_run(network, given)]
    others = tree_flatten((other.args, other.kwargs))[0]
    if _kind(other) == _kind(sample) and all(others[p].shape == leaves[p].shape for p in places):
        second = tuple(others[place].detach().clone().contiguous() for place in places)
        with contextlib.suppress(LeftOut):  # one call is enough then
            outputs.append(_run(network, second))
            inputs.append(second)
    return Case(f"{entry} {index}", network, program, tuple(inputs), tuple(outputs), _wide(network, inputs))


def _check_tensors(tensors: list[Tensor], weights: list[nn.Parameter]) -> None:
    if any(tensor.layout != torch.strided or tensor.is_quantized for tensor in tensors):
        raise LeftOut("sparse")
    if any(tensor.is_complex() for tensor in tensors):
        raise LeftOut("complex numbers")
    if not tensors or not any(tensor.dtype == torch.float32 and tensor.dim() for tensor in (*tensors, *weights)):
        raise LeftOut("no float32 tensor with axes")
    if any(not 0 < tensor.numel() <= LARGEST for tensor in tensors):
        raise LeftOut("an empty or large tensor")


def _exported(network: nn.Module, given: tuple[Tensor, ...]) -> ExportedProgram:
    before = [tensor.clone() for tensor in given]
    _run(network, given)
    if not all(torch.equal(old, new) for old, new in zip(before, given, strict=True)):
        raise LeftOut("writes into its inputs")
    try:
        program = export_program(network, given)
    except RequestError as error:
        depends = _DATA_DEPENDENT.search(str(error))
        raise LeftOut("shapes depend on values" if depends else "torch.export refuses it") from error
    signature = program.graph_signature
    if signature.buffers_to_mutate or signature.user_inputs_to_mutate:
        raise LeftOut("writes into its inputs")
    # The list's own functions set a seed before they draw numbers; the program does not.
    outputs, again = (_run(program.module(check_guards=False), given) for _ in range(2))
    if not all(torch.equal(one, two) for one, two in zip(outputs, again, strict=True)):
        raise LeftOut("random")
    return program


def _run(network: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    try:
        with torch.no_grad():
            outputs: tuple[Tensor, ...] = network(*given)
    except Exception as error:  # torch's lists hold samples that need other devices
        raise LeftOut(f"does not run ({type(error).__name__})") from error
    if not outputs:
        raise LeftOut("returns no tensor")
    if any(output.is_complex() for output in outputs):
        raise LeftOut("complex numbers")
    if any(output.dtype in (torch.bfloat16, torch.float16) for output in outputs):
        raise LeftOut("not for float32")
    if any(output.layout != torch.strided or output.is_quantized for output in outputs):
        raise LeftOut("sparse")
    if any(output.numel() == 0 for output in outputs):
        raise LeftOut("an empty or large tensor")
    if any(not output.isfinite().all() for output in outputs if output.is_floating_point()):
        raise LeftOut("its outputs are not finite")
    return tuple(output.detach().clone() for output in outputs)


def _wide(network: nn.Module, inputs: list[tuple[Tensor, ...]]) -> tuple[tuple[Tensor, ...], ...]:
    wide = copy.deepcopy(network).double()
    try:
        each = tuple(_run(wide, tuple(t.double() if t.is_floating_point() else t for t in given)) for given in inputs)
    except LeftOut:
        return ()
    return each
