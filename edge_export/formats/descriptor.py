"""What a format is: everything about it that the rest of the package asks for, in one record.

A descriptor names functions as "module:function", so that converters and runtimes are imported only when used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Option = bool | int | float | str


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    Its module offers `available() -> str | None` (None, or why it cannot run on this machine), `version() -> str` and
    `load(path, io, threads=1)`, where `io` is the artifact's own: a function from arrays by input name to arrays by
    output name. Both hold exactly the shapes and types of `io`; anything else raises ValueError. A runtime that does
    not know every operator of its format also offers `unsupported(path) -> list[str]`, which names them.

    Attributes:
        module: Where its functions are.
        name: What people call it.
        proves: What its agreement with the mother says, where that is not everything.
        environment: The isolated environment that it runs in; empty for the main one.
    """

    module: str
    name: str
    proves: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        description: One line for people.
        suffix: What its files (or folders) end with.
        compile: From an exported program to a file: see `compiled.py` for the contract. Empty for a format that only
            stands between a program and an artifact.
        inspect: From a path to `Contents`. Empty where files of it are not shipped.
        look_inside: From a path, its io and samples to every value inside, for `bisect`. Empty where a file shows
            nothing inside.
        backends: The backends it can be compiled for; the first is the default.
        precisions: The precisions that it offers, each with its schemes: the ways to get there, from the one that
            changes the numbers most to the mildest. Empty where there is only one way.
        on_request: Schemes that are tried only where a target file lists them.
        runtimes: The runtimes of its files. An artifact must pass in the first; others run as well where they are here.
        imports: The modules, at the top level, that its converter and its first runtime import.
        packages: What converts to it first, then what it needs: versions that are known to work together.
        extra: The extra of this package that installs them.
        submit: Where compiling takes more than one worker task: the function that submits them, as `compile_in_worker`.
        direct: Options that keep its converter from handing its work to another.
        environments: The isolated environments that can convert to it, each with the options that take it.
    """

    description: str
    suffix: str
    runtimes: tuple[Runtime, ...]
    compile: str = ""
    inspect: str = ""
    look_inside: str = ""
    backends: tuple[str, ...] = ()
    precisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_request: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    extra: str = ""
    submit: str = ""
    direct: Mapping[str, Option] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)

    def schemes(self, precision: str) -> tuple[str, ...]:
        """The schemes of a precision that are tried unasked; one empty name where there is only one way."""
        return tuple(scheme for scheme in self.precisions[precision] if scheme not in self.on_request) or ("",)
