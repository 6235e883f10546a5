"""Chooses the artifact of a bundle that a request names."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.errors import RequestError, one_line
from edge_export.runtimes import runtime_of, why_unavailable


@dataclass(frozen=True)
class Choice:
    """One artifact of a bundle. Its bytes match the manifest."""

    bundle: Bundle
    member: Member
    artifact: Artifact

    @property
    def path(self) -> Path:
        assert self.artifact.file is not None
        return self.bundle.path(self.artifact.file)


def choose(bundle: Bundle, member_name: str, format_name: str | None, precision: str | None = None) -> Choice:
    """Returns the first artifact of the member that can run here.

    Args:
        format_name, precision: Only artifacts of this format and precision are considered. None: all.

    Raises:
        RequestError: The bundle has no such member or artifact, or all such artifacts are wrong or cannot run here.
    """
    members = {member.name: member for member in bundle.manifest.members}
    if member_name not in members:
        close = difflib.get_close_matches(member_name, members, 1)
        hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(members)}"
        raise RequestError(f"{bundle.root} has no member {one_line(repr(member_name), 60)}: {hint}")
    member = members[member_name]
    reasons = []
    for artifact in member.artifacts:
        if format_name not in (None, artifact.format) or precision not in (None, artifact.precision):
            continue
        reason = _why_not(bundle, artifact)
        if reason is None:
            return Choice(bundle, member, artifact)
        reasons.append(f"{artifact.label}: {reason}")
    if not reasons:
        labels = ", ".join(artifact.label for artifact in member.artifacts)
        raise RequestError(f"{member.name} has no such artifact: use one of {labels}")
    raise RequestError(f"{member.name} can't run here ({one_line('; '.join(reasons), 300)}): give another --format")


def _why_not(bundle: Bundle, artifact: Artifact) -> str | None:
    if artifact.status in ("failed", "error") or artifact.file is None or artifact.io is None:
        return f"{artifact.status}, {artifact.reason}"
    return why_unavailable(runtime_of(artifact.format, backend=artifact.backend)) or bundle.why_changed(artifact.file)
