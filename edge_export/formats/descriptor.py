"""The descriptor of a format: one record with everything about it that the rest of the package uses.

A descriptor names functions as "module:function", so that converters and runtimes are imported only when used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Option = bool | int | float | str


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    Its module has three functions. `available() -> str | None` returns None, or why it cannot run on this machine.
    `version() -> str` returns its version. `load(path, io, threads=1)` takes the artifact's own `io` and returns a
    function from arrays by input name to arrays by output name. Both have exactly the shapes and dtypes of `io`;
    anything else raises ValueError. A runtime that does not support every operator of its format also has
    `unsupported(path) -> list[str]`, which returns the names of unsupported operators.

    Attributes:
        module: The module of its functions.
        name: Its name for users.
        proves: What its agreement with the mother proves, where it does not prove everything.
        environment: The isolated environment that it runs in; empty for the main one.
        brief_at: Precisions at which it is too slow for all recordings. A stream is then run on their beginnings.
    """

    module: str
    name: str
    proves: str = ""
    environment: str = ""
    brief_at: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backend:
    """What differs in the files of a backend that is not the first of its format.

    Attributes:
        precisions: The precisions that it offers, each in one way.
        runtimes, look_inside: As those of a format.
        imports: The top-level modules that it needs, beside those of the format.
        extra: The extra of this package that installs them.
        ways: As those of a format.
    """

    precisions: tuple[str, ...]
    runtimes: tuple[Runtime, ...]
    look_inside: str = ""
    imports: tuple[str, ...] = ()
    extra: str = ""
    ways: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        description: One line for users.
        suffix: The suffix of its files (or folders).
        compile: The function that compiles an exported program to a file; `compiled.py` has its contract. Empty for
            an intermediate format.
        inspect: The function that reads `Contents` from a path. Empty for a format whose files are not shipped.
        look_inside: The function from a path, its io and samples to every inner value, for `bisect`. Empty for a
            format whose files give no access to inner values.
        constants: The function from a path to its float constants (`not_finite.py`), which a run checks. Empty for a
            format whose files are not shipped.
        backends: The backends that it can be compiled for; the first is the default.
        others: What differs for the other backends. Everything else here is said of the first, and is the same for all.
        precisions: Its precisions, each with its schemes, the ways to quantize. The first scheme changes the numbers
            most, the last one least. Empty where there is only one way.
        in_half: Its precisions whose files compute in float16.
        on_request: Schemes that are tried only if a target file lists them.
        runtimes: The runtimes of its files. An artifact must pass in the first one. The others are also run if they
            are available.
        imports: The top-level modules that its converter and its first runtime import.
        packages: The converter's package first, then the packages that it needs, in versions that work together.
        extra: The extra of this package that installs them.
        submit: The function that submits the worker tasks, with the signature of `compile_in_worker`. Empty where
            compiling takes a single task.
        direct: Options that keep its converter from falling back to another converter.
        environment: The isolated environment that its converter and everything else of it runs in. Empty: the main one.
        environments: The isolated environments that can also convert to it, each with the options that select it. A
            build tries them in order, as its last ways.
        falls_back: Those of them that its converter goes to by itself where it fails, unless options forbid it.
        ways: The values of the option `way`, each with what is done another way. They are tried in order if the usual
            way makes no right file.
    """

    description: str
    suffix: str
    runtimes: tuple[Runtime, ...]
    compile: str = ""
    inspect: str = ""
    look_inside: str = ""
    constants: str = ""
    backends: tuple[str, ...] = ()
    others: Mapping[str, Backend] = field(default_factory=dict)
    precisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_half: tuple[str, ...] = ()
    on_request: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    extra: str = ""
    submit: str = ""
    environment: str = ""
    direct: Mapping[str, Option] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    falls_back: tuple[str, ...] = ()
    ways: Mapping[str, str] = field(default_factory=dict)

    def schemes(self, precision: str) -> tuple[str, ...]:
        """Returns the schemes of a precision that are tried by default; one empty name where there is only one way."""
        return tuple(scheme for scheme in self.precisions[precision] if scheme not in self.on_request) or ("",)

    def precisions_of(self, backend: str) -> tuple[str, ...]:
        """Returns the precisions that a backend offers."""
        return self.others[backend].precisions if backend in self.others else tuple(self.precisions)

    def runtimes_of(self, backend: str) -> tuple[Runtime, ...]:
        """Returns the runtimes of the files of a backend. An artifact must pass in the first one."""
        return self.others[backend].runtimes if backend in self.others else self.runtimes

    def look_inside_of(self, backend: str) -> str:
        """Returns the function that reads every inner value of the files of a backend. Empty: there is none."""
        return self.others[backend].look_inside if backend in self.others else self.look_inside

    def ways_of(self, backend: str) -> Mapping[str, str]:
        """Returns the other ways to make files of a backend."""
        return self.others[backend].ways if backend in self.others else self.ways

    @property
    def every_runtime(self) -> tuple[Runtime, ...]:
        """The runtimes of all backends, each once."""
        each = (runtime for backend in self.backends for runtime in self.runtimes_of(backend))
        return tuple({runtime.name: runtime for runtime in each}.values())
