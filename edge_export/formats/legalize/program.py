"""Applies a format's rules to an exported program, and computes what does not depend on its inputs.

A program that no rule changes and that computes no constants is returned as it is. Otherwise it is exported again from
the rewritten graph, and rules are applied to what they wrote, until none applies.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
from torch._guards import detect_fake_mode
from torch.fx.node import map_arg

from edge_export.errors import raised
from edge_export.formats.constants import constant_named
from edge_export.formats.legalize.complex_pairs import uses_complex, with_pairs
from edge_export.formats.legalize.folding import changes_in_place, computes_constants, fold
from edge_export.formats.legalize.rule import Outcome, Refused
from edge_export.formats.legalize.rules import RULES
from edge_export.formats.legalize.wide import FORMATS as NARROW
from edge_export.formats.legalize.wide import narrow, uses_wide

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from edge_export.formats.legalize.rule import Rewrite, Rule

_MOST_ROUNDS = 8


def legalized(exported: ExportedProgram, format_name: str) -> tuple[ExportedProgram, tuple[Outcome, ...]]:
    """Returns the program for the converter of a format, and the outcome of each rule that matched."""
    rules = [rule for rule in RULES if format_name in rule.formats]
    is_complex = uses_complex(exported.graph)
    # What is written in place is another operator, such as index_put_, until nothing is.
    plain = exported.run_decompositions({}) if changes_in_place(exported.graph) else exported
    is_wide = format_name in NARROW and uses_wide(plain)
    matches = any(node.target in rule.rewrites for rule in rules for node in plain.graph.nodes)
    computes = computes_constants(plain)
    if not (is_complex or is_wide or matches or computes):
        return exported, ()
    module, refused = _module(plain), dict[Outcome, None]()
    rewritten: list[Outcome] = []
    if is_wide:
        rewritten = [Outcome("numbers of 64 bits", _name(target)) for target in narrow(module)]
        exported = _exported(module, exported)
        module = _module(exported)
    if is_complex:
        fold(module)
        targets, reason = with_pairs(module)
        outcomes = [Outcome("complex numbers", _name(target), reason) for target in targets]
        if reason:
            refused = dict.fromkeys(outcomes)
        else:
            rewritten, exported = [*rewritten, *outcomes], _exported(module, exported)
        module = _module(exported)
    rewritten += _of_constants(module, rules)
    for _ in range(_MOST_ROUNDS):
        constants = fold(module)
        found = _rewrite(module, rules)
        refused |= {outcome: None for outcome in found if outcome.reason}
        applied = [outcome for outcome in found if not outcome.reason]
        if not applied:
            break
        rewritten += applied
        exported = _exported(module, exported)
        module = _module(exported)
    if constants and (rewritten or computes):
        exported = _exported(module, exported)
    return exported, (*rewritten, *refused)


def notes(outcomes: tuple[Outcome, ...]) -> tuple[str, ...]:
    """Returns a sentence for each operator that was rewritten, and for each that could not be."""
    rewritten = Counter(outcome.operator for outcome in outcomes if not outcome.reason)
    names = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in sorted(rewritten.items()))
    refused = {f"{outcome.operator} is left as it is: {outcome.reason}": None for outcome in outcomes if outcome.reason}
    return (*([f"written with other operators: {names}"] if names else []), *refused)


def _of_constants(module: torch.fx.GraphModule, rules: list[Rule]) -> list[Outcome]:
    """Returns the outcomes of calls that a rule would rewrite, but that are folded because they read constants."""
    module.graph.eliminate_dead_code()
    dynamic: set[torch.fx.Node] = set()
    outcomes = []
    for node in module.graph.nodes:
        if node.op == "placeholder" or any(source in dynamic for source in node.all_input_nodes):
            dynamic.add(node)
        elif node.op == "call_function":
            of_node = [rule for rule in rules if node.target in rule.rewrites and rule.concerns is None]
            rule = next((each for each in of_node if _why_not(module, node, each.rewrites[node.target]) == ""), None)
            outcomes += [Outcome(rule.name, _name(node.target))] if rule else []
    return outcomes


def _rewrite(module: torch.fx.GraphModule, rules: list[Rule]) -> list[Outcome]:
    """Lets each node that a rule matches call the rule's function instead of its operator."""
    outcomes = []
    for node in list(module.graph.nodes):
        for rule in rules if node.op == "call_function" else ():
            rewrite = rule.rewrites.get(node.target)
            if rewrite is None or (rule.concerns and not rule.concerns(node)):
                continue
            reason = _why_not(module, node, rewrite)
            if reason is None:
                continue
            outcomes.append(Outcome(rule.name, _name(node.target), reason))
            if not reason:
                node.target = _or_itself(rewrite, node.target)
            break
    module.recompile()
    return outcomes


def _or_itself(rewrite: Rewrite, operator: Any) -> Rewrite:
    """Returns the rule's function; a call that it refuses after all, laid out otherwise in memory, stays what it is."""

    def call(*args: Any, **options: Any) -> Any:
        results = rewrite(*args, **options)
        is_refused = results is NotImplemented or isinstance(results, Refused)
        return operator(*args, **options) if is_refused else results

    return call


def _why_not(module: torch.fx.GraphModule, node: torch.fx.Node, rewrite: Rewrite) -> str | None:
    """Returns why a call is not rewritten; empty: it is; None: it needs no rewriting."""

    def value(argument: torch.fx.Node) -> Any:
        if argument.op == "get_attr":
            return constant_named(module, str(argument.target))
        return argument.meta["val"]

    given = [value(argument) for argument in node.all_input_nodes]
    mode = detect_fake_mode(given) or torch._subclasses.FakeTensorMode()
    mode.allow_non_fake_inputs = True
    try:
        with mode, torch.no_grad():
            results = rewrite(*map_arg(node.args, value), **map_arg(node.kwargs, value))
    except Exception as error:  # a call that the rule did not think of; the converter may take it
        return raised(error)
    if results is NotImplemented:
        return None
    if isinstance(results, Refused):
        return results.reason
    used: set[Any] = {user.args[1] for user in node.users if user.target is operator.getitem and user.users}
    if isinstance(results, tuple) and any(results[index] is None for index in used):
        return "the network reads a result of it that has no other form"
    return ""


def _module(exported: ExportedProgram) -> torch.fx.GraphModule:
    if changes_in_place(exported.graph):
        exported = exported.run_decompositions({})
    module = exported.module(check_guards=False)
    assert isinstance(module, torch.fx.GraphModule)
    return module


def _view(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    """Returns a view of x, or a copy where x lies otherwise in memory than before, as attention's result may."""
    try:
        return x.view(size)
    except (RuntimeError, ValueError):
        return x.reshape(size)


def _exported(module: torch.fx.GraphModule, before: ExportedProgram) -> ExportedProgram:
    arguments, named = before.example_inputs
    for node in module.graph.nodes:
        node.meta.pop("from_node", None)  # each export copies this history into that of more nodes
        if node.target is torch.ops.aten.view.default:
            node.target = _view
    module.recompile()
    with torch.no_grad():
        return torch.export.export(module, arguments, named, strict=False)


def _name(target: Any) -> str:
    """Returns a name for users, such as "avg_pool2d"."""
    return str(target.name()).removeprefix("aten::").partition(".")[0].removeprefix("_")
