"""Zip archives give their sound files and nothing else, and none of them writes elsewhere or without end."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import made_recordings
import pytest
import soundfile as sf

from edge_export.data.debian import deb_file, unpack_package
from edge_export.data.sound_archives import extract_sounds
from edge_export.errors import RequestError

SONG = "audio/music/song.ogg"


def zipped(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with these members, whose names are written as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, packing
            archive.writestr(info, content)
    return stream.getvalue()


def names_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_package_keeps_the_sound_of_its_archives_and_its_copyright(tmp_path: Path, needs_dpkg_deb: None) -> None:
    song = made_recordings.sound_bytes(tmp_path, made_recordings.chords(2.0))
    archive = zipped({SONG: song, "audio/LOUD.WAV": b"loud", "maps/large.map": b"map" * 1000, "empty.ogg/": b""})
    files = {
        "usr/share/game/mods/public.zip": archive,
        "usr/share/game/mods/other.pk3": zipped({SONG: b"not named in the table"}),
        "usr/share/game/textures/large.dds": b"texture",
        "usr/share/game/beep.ogg": song,
        "usr/share/doc/game/copyright": b"CC0",
        "usr/share/doc/game/changelog.gz": b"changes",
    }
    package, deb = made_recordings.build_package(
        tmp_path,
        "game",
        files,
        links={"usr/share/game/link.ogg": "beep.ogg", "usr/share/game/out": "/etc"},
        archives=("usr/share/game/mods/public.zip",),
    )
    deb_file(package, tmp_path).parent.mkdir()
    deb.replace(deb_file(package, tmp_path))
    root = unpack_package(package, tmp_path)
    assert names_below(root) == [
        "usr/share/doc/game/copyright",
        "usr/share/game/beep.ogg",
        "usr/share/game/mods/audio/LOUD.WAV",
        f"usr/share/game/mods/{SONG}",
    ]
    assert not (root / "usr/share/game/textures").exists()
    assert not (root / "usr/share/game/out").is_symlink()
    assert sf.info(root / "usr/share/game/mods" / SONG).frames == 2 * made_recordings.RATE


def test_a_package_without_the_archive_of_its_table_is_refused(tmp_path: Path, needs_dpkg_deb: None) -> None:
    files = {"usr/share/game/beep.ogg": b"beep"}
    package, deb = made_recordings.build_package(tmp_path, "game", files, archives=("usr/share/game/gone.zip",))
    deb_file(package, tmp_path).parent.mkdir()
    deb.replace(deb_file(package, tmp_path))
    with pytest.raises(RequestError, match=r"gone\.zip can't be unpacked"):
        unpack_package(package, tmp_path)
    assert not list((tmp_path / "unpacked").iterdir())


@pytest.mark.parametrize(
    "name", ["../song.ogg", "a/../../song.ogg", "/tmp/song.ogg", "..\\song.ogg", "C:song.ogg", "song.ogg\0.ogg"]
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "inside" / "music.zip"
    archive.parent.mkdir()
    archive.write_bytes(zipped({name: b"song"}))
    with pytest.raises(RequestError, match=r"music\.zip holds the path .* which is not unpacked") as caught:
        extract_sounds(archive)
    assert "\n" not in str(caught.value)
    assert names_below(tmp_path) == ["inside/music.zip"]


def test_a_member_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "music.zip").write_bytes(zipped({"song.ogg": b"new"}))
    (tmp_path / "song.ogg").write_bytes(b"old")
    with pytest.raises(RequestError, match=r"music\.zip can't be unpacked .*song\.ogg"):
        extract_sounds(tmp_path / "music.zip")
    assert (tmp_path / "song.ogg").read_bytes() == b"old"


def test_more_sound_than_allowed_is_refused_before_any_is_written(tmp_path: Path) -> None:
    (tmp_path / "music.zip").write_bytes(zipped({"a.ogg": bytes(600), "b.ogg": bytes(600), "c.map": bytes(5000)}))
    with pytest.raises(RequestError, match="holds 1200 bytes of sound, more than 1000"):
        extract_sounds(tmp_path / "music.zip", max_bytes=1000)
    assert names_below(tmp_path) == ["music.zip"]
    extract_sounds(tmp_path / "music.zip", max_bytes=1200)
    assert names_below(tmp_path) == ["a.ogg", "b.ogg"]


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_is_larger_than_it_says_is_refused(tmp_path: Path, packing: int) -> None:
    content = zipped({"a.ogg": bytes(5_000_000)}, packing)
    directory = content.rindex(b"PK\1\2")
    forged = bytearray(content)
    struct.pack_into("<L", forged, directory + 24, 100)
    (tmp_path / "music.zip").write_bytes(forged)
    with pytest.raises(RequestError, match=r"music\.zip can't be unpacked"):
        extract_sounds(tmp_path / "music.zip", max_bytes=1000)
    assert (tmp_path / "a.ogg").stat().st_size <= 1000


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_archives_are_named(tmp_path: Path, packing: int) -> None:
    whole = zipped({"a.ogg": bytes(range(256)) * 40}, packing)
    changed = bytearray(whole)
    changed[60] ^= 0xFF
    for content in (bytes(changed), whole[:-30], whole[:100], b"", b"no archive"):
        (tmp_path / "music.zip").write_bytes(content)
        (tmp_path / "a.ogg").unlink(missing_ok=True)
        with pytest.raises(RequestError, match=r"music\.zip can't be unpacked .*fetch its package anew") as caught:
            extract_sounds(tmp_path / "music.zip")
        assert "\n" not in str(caught.value)


def test_a_link_in_an_archive_becomes_a_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
        info = zipfile.ZipInfo("link.ogg")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    extract_sounds(tmp_path / "music.zip")
    assert not (tmp_path / "link.ogg").is_symlink()
    assert (tmp_path / "link.ogg").read_bytes() == b"/etc/passwd"
