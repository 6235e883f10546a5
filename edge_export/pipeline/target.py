"""Reads `targets/*.toml`: the artifacts of a platform, and their tolerances."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

import edge_export
from edge_export.errors import RequestError, one_line
from edge_export.formats import FORMATS
from edge_export.spec.fields import Name, Record, all_problems
from edge_export.spec.tolerance import Tolerance
from edge_export.workers.environments import why_missing


class ArtifactPlan(Record):
    """One artifact that every member is compiled to.

    Attributes:
        schemes: The schemes of the precision, tried in this order until one is within the tolerance. Empty: all
            schemes of the format, the one that changes most first.
        options: The options of the format's converter.
    """

    format: Name
    backend: Name
    precision: Name
    schemes: tuple[Name, ...] = ()
    options: dict[Name, bool | int | float | str] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """ "executorch-xnnpack-fp32"."""
        return f"{self.format}-{self.backend}-{self.precision}"

    @property
    def every_scheme(self) -> tuple[str, ...]:
        """The schemes to try, in order. One empty name: the precision has only one."""
        return self.schemes or FORMATS[self.format].schemes(self.precision)


class Target(Record):
    """A platform.

    Attributes:
        mother: The catalog name of the mother that is built by default.
        members: The members that are built by default, as on the command line.
        calibration_batches: The number of batches over which BatchNorm statistics are averaged. None: all.
        member: The options of the members' baker, such as `frames_per_call` and `gates` for a separator.
        tolerances: The limits by format and precision. Format "member" applies to every stage before an artifact.
        max_size_ratio_from_params: `max_size_ratio` applies to members with at least this many parameters. The files of
            smaller members hold more graph than weights.
    """

    name: Name
    mother: Name
    members: str
    calibration_batches: Annotated[int, Field(ge=1)] | None = None
    member: dict[Name, bool | int | float | str] = Field(default_factory=dict)
    artifacts: tuple[ArtifactPlan, ...] = Field(min_length=1)
    tolerances: dict[Name, dict[Name, Tolerance]]
    max_size_ratio_from_params: Annotated[int, Field(ge=0)] = 100_000

    def tolerance(self, format_name: str, precision: str, params: int | None = None) -> Tolerance:
        """Returns the limits of `format_name` at `precision`, for a member with `params` parameters. None: any member.

        Raises:
            RequestError: The target file has none.
        """
        try:
            tolerance = self.tolerances[format_name][precision]
        except KeyError:
            raise RequestError(
                f"target {self.name} has no tolerance for {format_name} at {precision}: "
                f"add a table [tolerances.{format_name}.{precision}]"
            ) from None
        small = params is not None and params < self.max_size_ratio_from_params
        return tolerance.model_copy(update={"max_size_ratio": None}) if small else tolerance


FOLDER = Path(edge_export.__file__).parent / "targets"


def target_names() -> list[str]:
    """Returns the names of the shipped targets."""
    return sorted(p.stem for p in FOLDER.glob("*.toml"))


def read_target(name: str) -> Target:
    """Returns the target called `name`, or the one in the file `name` if it ends in ".toml".

    Raises:
        RequestError: There is no such target, or its file is not valid. The message names every problem.
    """
    if name.endswith(".toml"):
        path = Path(name)
    elif name in target_names():
        path = FOLDER / f"{name}.toml"
    else:
        close = difflib.get_close_matches(name, target_names(), 1)
        hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(target_names())}, or a .toml file"
        raise RequestError(f"there is no target {one_line(repr(name), 80)}: {hint}")
    try:
        with path.open("rb") as stream:
            target = Target.model_validate(tomllib.load(stream))
    except OSError as error:
        raise RequestError(f"target file {path} can't be read ({one_line(error.strerror)}): check --target") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"target file {path} is not TOML ({one_line(error)}): fix it") from error
    except ValidationError as error:
        raise all_problems(path, error) from error
    _check_plans(path, target)
    return target


def missing_environments(target: Target) -> list[str]:
    """Returns the names of the isolated environments that the target's formats need and that are not set up."""
    needed = dict.fromkeys(FORMATS[plan.format].environment for plan in target.artifacts)
    return [name for name in needed if name and why_missing(name)]


def at_precisions(target: Target, precisions: list[str]) -> Target:
    """Returns `target` with an artifact at each of `precisions`, for each of its formats that offers the precision.

    Raises:
        RequestError: No format of the target offers one of them, or the target has no tolerance for it.
    """
    plans: dict[str, ArtifactPlan] = {}
    stated = {plan.label: plan for plan in target.artifacts}
    for precision in precisions:
        offered = [plan for plan in target.artifacts if precision in _precisions(plan)]
        if not offered:
            known = dict.fromkeys(p for plan in target.artifacts for p in _precisions(plan))
            raise RequestError(f"--precision {one_line(precision, 40)}: target {target.name} has {', '.join(known)}")
        for plan in offered:
            derived = plan.model_copy(update={"precision": precision, "schemes": ()})
            plans.setdefault(derived.label, stated.get(derived.label, derived))
    for plan in plans.values():
        target.tolerance(plan.format, plan.precision)
    return target.model_copy(update={"artifacts": tuple(plans.values())})


def _precisions(plan: ArtifactPlan) -> tuple[str, ...]:
    return FORMATS[plan.format].precisions_of(plan.backend)


def _check_plans(path: Path, target: Target) -> None:
    """Raises RequestError for all that the schema does not check: artifacts repeated, without tolerance, or unknown."""
    problems = []
    seen = set()
    for plan in target.artifacts:
        known = FORMATS.get(plan.format)
        if known is None:
            problems.append(f"format {plan.format!r} is none of {', '.join(FORMATS)}")
        elif plan.backend not in known.backends:
            problems.append(f"{plan.format} has no backend {plan.backend!r}, only {', '.join(known.backends)}")
        elif plan.precision not in _precisions(plan):
            offered = ", ".join(_precisions(plan))
            problems.append(f"{plan.format} has no precision {plan.precision!r} with {plan.backend}, only {offered}")
        elif plan.precision not in target.tolerances.get(plan.format, {}):
            problems.append(f"{plan.label} has no table [tolerances.{plan.format}.{plan.precision}]")
        elif unknown := [s for s in plan.schemes if s not in known.precisions[plan.precision]]:
            known_schemes = ", ".join(known.precisions[plan.precision]) or "none"
            problems.append(f"{plan.label} has no scheme {unknown[0]!r}, only {known_schemes}")
        if plan.label in seen:
            problems.append(f"{plan.label} is listed twice")
        seen.add(plan.label)
    if "fp32" not in target.tolerances.get("member", {}):
        problems.append("there is no table [tolerances.member.fp32]")
    if problems:
        raise RequestError(f"{path} is not valid: {'; '.join(problems)}")
