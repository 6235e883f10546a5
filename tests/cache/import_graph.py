"""Finds the modules that a module of this package can import: by imports, also in functions, and by literal tables."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import grimp

PACKAGE = "edge_export"
_NAMED = re.compile(rf"({PACKAGE}(?:\.\w+)+)(?::\w+)?")
"""A string of a literal table: "edge_export.some.module" or "edge_export.some.module:function"."""


@functools.cache
def graph() -> grimp.ImportGraph:
    """Returns the imports of this package, without those for type checkers only."""
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)


@functools.cache
def reached(roots: frozenset[str], left_out: frozenset[str] = frozenset()) -> frozenset[str]:
    """Returns every module of this package that `roots` can import, with `roots`, but not through `left_out`."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in found | left_out:
            found.add(module)
            waiting += graph().find_modules_directly_imported_by(module) | named_in(module)
    return frozenset(found)


@functools.cache
def named_in(module: str) -> frozenset[str]:
    """Returns the modules that strings of `module` name, such as "edge_export.formats.coreml.compile"."""
    strings = (node.value for node in ast.walk(tree(module)) if isinstance(node, ast.Constant))
    names = {match[1] for text in strings if isinstance(text, str) and (match := _NAMED.fullmatch(text))}
    return frozenset(names & graph().modules)


def foreign_imports(modules: Iterable[str]) -> dict[str, set[str]]:
    """Returns the top-level names of other packages that `modules` import, with the modules that import them."""
    found: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.walk(tree(module)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            for name in names:
                found.setdefault(name.partition(".")[0], set()).add(module)
    return found


@functools.cache
def distributions_of(package: str) -> frozenset[str]:
    """Returns the distributions that install `package`, in pip's normalized spelling; empty: there is none."""
    owners = _owners().get(package, [])
    return frozenset(re.sub(r"[-_.]+", "-", name).lower() for name in owners)


@functools.cache
def _owners() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


@functools.cache
def tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
