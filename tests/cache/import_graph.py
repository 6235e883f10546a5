"""Finds the modules that a module of this package can import: by imports, also in functions, and by literal tables."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterable, Iterator
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
def reached(
    roots: frozenset[str], left_out: frozenset[str] = frozenset(), fields: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Returns every module of this package that `roots` can import, with `roots`, but not through `left_out`.

    In a format's descriptor, only the values of `fields` are followed.
    """
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in found | left_out:
            found.add(module)
            named = {name for name, field in named_in(module) if field is None or field in fields}
            waiting += graph().find_modules_directly_imported_by(module) | named
    return frozenset(found)


@functools.cache
def named_in(module: str) -> frozenset[tuple[str, str | None]]:
    """Returns the modules that strings of `module` name, each with its field of a format's descriptor, if any."""
    return frozenset((name, field) for name, field in _names(tree(module), None) if name in graph().modules)


def _names(node: ast.AST, field: str | None) -> Iterator[tuple[str, str | None]]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and (match := _NAMED.fullmatch(node.value)):
            yield match[1], field
        return
    called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    for child in ast.iter_child_nodes(node):
        if called == "Runtime":
            yield from _names(child, "runtimes")
        elif called in ("Format", "Backend") and isinstance(child, ast.keyword):
            yield from _names(child, child.arg)
        else:
            yield from _names(child, field)


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
