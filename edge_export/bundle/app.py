"""A family for an app: what an app needs of a bundle, in a folder that goes into it.

Goldens, numerics and files that did not pass stay behind. The manifest stays valid; its `taken_from` says that goldens
were left out, and of which bundle. `perf.json` goes along, as the picker reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_export.bundle import manifest as manifest_file
from edge_export.bundle.folder import Bundle, check_output, read_record, staging, write_record
from edge_export.bundle.manifest import Artifact, File, Manifest, Member
from edge_export.bundle.perf import DevicePerf, Perf, manifest_sha256, read_perf, write_perf
from edge_export.errors import RequestError, one_line
from edge_export.files.copying import copy_contents
from edge_export.files.hashing import bytes_of, sha256_of


@dataclass(frozen=True)
class Platform:
    """What apps run on.

    Attributes:
        title: Its name in messages.
        formats: Those that have a runtime there.
        foreign: Backends of these formats that no device there has.
        hides_underscores: Whether its packer leaves out files and folders whose names begin with `_`.
    """

    title: str
    formats: tuple[str, ...]
    foreign: tuple[str, ...] = ()
    hides_underscores: bool = False


PLATFORMS: Final = {
    "android": Platform("Android", ("executorch", "tflite"), foreign=("coreml",), hides_underscores=True),
    "ios": Platform("iOS", ("coreml", "coreai", "executorch"), foreign=("vulkan",)),
}


@dataclass(frozen=True)
class LeftOut:
    """An artifact, or a member if `artifact` is empty, that an app does not get, and the reason."""

    member: str
    artifact: str
    reason: str


@dataclass(frozen=True)
class AppFamily:
    """What an app gets of a bundle.

    Attributes:
        members: The members with their artifacts; each has at least one.
        left_out: What was asked for, or not refused by name, and stays behind for a reason.
    """

    members: tuple[Member, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def files(self) -> tuple[tuple[Member, Artifact, File], ...]:
        """The artifacts with their members and compiled files."""
        pairs = ((member, artifact) for member in self.members for artifact in member.artifacts)
        return tuple((member, artifact, artifact.file) for member, artifact in pairs if artifact.file is not None)


def choose_for_app(
    bundle: Bundle, platform_name: str, members: Sequence[str] = (), formats: Sequence[str] = ()
) -> AppFamily:
    """Returns what an app gets of a bundle: compiled files that passed.

    Args:
        platform_name: One of `PLATFORMS`.
        members, formats: The names of those that are wanted; none given: all that run there.

    Raises:
        RequestError: There is no such member or format, or nothing is left of one that was named, or of all.
    """
    platform = PLATFORMS[platform_name]
    known = [member.name for member in bundle.manifest.members]
    if unknown := [name for name in members if name not in known]:
        wrong = one_line(unknown[0], 60)
        raise RequestError(f'{bundle.root} has no member "{wrong}": give some of {", ".join(known)}')
    if unknown := [name for name in formats if name not in platform.formats]:
        wrong = one_line(unknown[0], 60)
        raise RequestError(f'"{wrong}" does not run on {platform.title}: give some of {", ".join(platform.formats)}')
    wanted = tuple(formats) or platform.formats
    kept, left_out = [], []
    for member in bundle.manifest.members:
        if members and member.name not in members:
            continue
        asked = [artifact for artifact in member.artifacts if artifact.format in wanted]
        passed = tuple(artifact for artifact in asked if _belongs(artifact, platform))
        reasons = [LeftOut(member.name, a.label, _why_left(a, platform)) for a in asked if a not in passed]
        left_out += reasons
        if passed:
            kept.append(member.model_copy(update={"artifacts": passed}))
            continue
        why = f"none of {', '.join(wanted)} passed" if reasons else f"it has no file of {', '.join(wanted)}"
        if members:
            raise RequestError(f"{bundle.root}: {member.name} can't go into an app: {why}; build it, or leave it out")
        left_out.append(LeftOut(member.name, "", why))
    if not kept:
        raise RequestError(
            f"{bundle.root} has no file of {', '.join(wanted)} that passed: build it for {platform_name}"
        )
    family = AppFamily(tuple(kept), tuple(left_out))
    for _, _, file in family.files:
        if platform.hides_underscores and any(part.startswith("_") for part in file.path.split("/")):
            why = f"{platform.title}'s packer leaves out names that begin with _"
            raise RequestError(f"{file.path}: {why}: name it otherwise")
    return family


def _belongs(artifact: Artifact, platform: Platform) -> bool:
    return artifact.status == "passed" and artifact.file is not None and artifact.backend not in platform.foreign


def _why_left(artifact: Artifact, platform: Platform) -> str:
    if artifact.backend in platform.foreign:
        return f"its backend {artifact.backend} does not run on {platform.title}"
    return f"{artifact.status}: {artifact.reason}"


def write_app_family(bundle: Bundle, family: AppFamily, out: Path) -> int:
    """Writes the folder of an app's family, whole or not at all. Returns its bytes.

    An earlier family for an app in `out` is replaced; nothing else is.

    Raises:
        RequestError: A file of the bundle is damaged, or `out` can't be written or holds something else.
    """
    _check_place(bundle, out)
    perf = read_perf(bundle)
    with staging(out) as staged:
        try:
            for _, _, file in family.files:
                target = staged / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                copy_contents(bundle.path(file), target)
                if sha256_of(target) != file.sha256:
                    damage = bundle.why_changed(file) or f"{file.path} changed while it was copied"
                    raise RequestError(f"{bundle.root}: {damage}; build it again")
        except OSError as error:
            raise RequestError(f"{out} can't be written: {one_line(error)}; choose another --out") from error
        update = {"members": family.members, "errors": (), "taken_from": manifest_sha256(bundle.root)}
        write_record(staged / manifest_file.FILE_NAME, bundle.manifest.model_copy(update=update))
        kept = _times_of(perf, family)
        if kept:
            write_perf(staged, Perf(schema="1.0", bundle=manifest_sha256(staged), devices=kept))
        return bytes_of(staged)


def goldens_bytes(manifest: Manifest) -> int:
    """Returns the bytes of all goldens of a bundle, as its manifest has them."""
    recorded = manifest.recorded
    files = [recorded.inputs, recorded.held_out, recorded.extremes, *recorded.sounds]
    for member in manifest.members:
        files += [member.golden, member.extremes, *member.sounds]
    return sum(file.bytes for file in files if file is not None)


def _check_place(bundle: Bundle, out: Path) -> None:
    root, place = bundle.root.resolve(), out.resolve()
    if place.is_relative_to(root) or root.is_relative_to(place):
        raise RequestError(f"{out} and the bundle {bundle.root} hold each other: give another --out")
    check_output(out)
    if (out / manifest_file.FILE_NAME).exists():
        there = read_record(out / manifest_file.FILE_NAME, Manifest, "give another --out")
        if there.taken_from is None:
            raise RequestError(f"{out} is a whole bundle, so it was not changed: give another --out")


def _times_of(perf: Perf, family: AppFamily) -> tuple[DevicePerf, ...]:
    """Returns the results of the family's artifacts, on devices that are not emulated."""
    labels = {(member.name, artifact.label) for member, artifact, _ in family.files}
    devices = (
        device.model_copy(
            update={"artifacts": tuple(each for each in device.artifacts if (each.member, each.artifact) in labels)}
        )
        for device in perf.devices
        if not device.facts.emulated
    )
    return tuple(device for device in devices if device.artifacts)
