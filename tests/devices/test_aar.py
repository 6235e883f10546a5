"""`aar:x86_64` and `aar:arm64`: Android's own TFLite library runs request folders on this machine."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import stacked_products as stacked
from ai_edge_litert import schema_py_generated as schema

from edge_export.devices import aar_setup
from edge_export.devices.aar import ABIS, LIBRARY, SHIM, library_folder, open_aar, python_for
from edge_export.devices.aar_setup import AAR, checked_library, known_symbols, set_up
from edge_export.devices.folder import describe_part
from edge_export.devices.request import Request
from edge_export.devices.results import Results
from edge_export.devices.run import run_on
from edge_export.errors import RequestError
from edge_export.spec.agreement import agreement

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "folder"


def need(*programs: str) -> None:
    packages = {"mvn": "maven", "gcc": "gcc", "qemu-aarch64-static": "qemu-user-static"}
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: apt-get install {packages[program]}")


@pytest.fixture(scope="module", params=[pytest.param("x86_64"), pytest.param("arm64", marks=pytest.mark.slow)])
def abi(request: pytest.FixtureRequest) -> str:
    """An ABI that is set up."""
    name: str = request.param
    need("mvn", *(["gcc"] if name == "x86_64" else ["qemu-aarch64-static"]))
    set_up(name, print)
    return name


@pytest.fixture(scope="module")
def aar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The AAR itself, as Maven gives it."""
    need("mvn")
    return aar_setup._fetch_aar(tmp_path_factory.mktemp("aar"), print)


def run_vectors(abi: str, folder: Path, change: Callable[[Path], None] | None = None) -> Results:
    """Runs the vectors' items, with the artifact of the first one changed if asked for."""
    shutil.copytree(VECTORS, folder)
    request = Request.model_validate_json((folder / "request.json").read_bytes())
    if change is not None:
        (item,) = (item for item in request.items if item.id == "verify")
        change(folder / item.artifact.path)
        artifact = describe_part(item.artifact.path, folder / item.artifact.path)
        request = request.model_copy(update={"items": (item.model_copy(update={"artifact": artifact}),)})
        (folder / "request.json").write_text(request.model_dump_json(by_alias=True))
    return run_on(open_aar(abi), request, folder, lambda *_: None, resume=False)


def to_newer(path: Path) -> None:
    """Writes a TFLite file again, with a version of its first operator that came after 2.16."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    first = model.operatorCodes[0]
    first.builtinCode, first.deprecatedBuiltinCode, first.version = schema.BuiltinOperator.DYNAMIC_UPDATE_SLICE, 127, 2
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def test_the_vectors_run_in_androids_library(abi: str, tmp_path: Path) -> None:
    expected = json.loads((VECTORS / "expected.json").read_text())
    results = run_vectors(abi, tmp_path / "request")
    assert {name: each.status.outcome for name, each in results.items.items()} == expected["outcomes"]
    mask = expected["outputs"]["verify"]["mask"]
    found = results.items["verify"].load_outputs()["mask"]
    np.testing.assert_allclose(found.ravel(), mask["values"], rtol=1e-5, atol=1e-5)
    assert results.items["verify"].status.repeatable is True
    named = f"TensorFlow Lite 2.16.1 ({LIBRARY}, {ABIS[abi].architecture})"
    assert results.items["verify"].status.runtime == named
    assert results.facts.runtimes == {"tflite": named}
    assert results.facts.emulated == (ABIS[abi].architecture != platform.machine())


def test_an_operator_that_the_library_lacks_is_told_with_the_version_that_has_it(abi: str, tmp_path: Path) -> None:
    found = run_vectors(abi, tmp_path / "request", to_newer).items["verify"].status
    assert found.outcome == "unsupported"
    lacks = "lacks an operator of this file: DYNAMIC_UPDATE_SLICE version 2, which TensorFlow Lite 2.17 and newer have"
    assert found.reason == f"TensorFlow Lite 2.16.1 ({LIBRARY}, {ABIS[abi].architecture}) {lacks}"


def test_a_file_that_is_no_model_fails_its_item_in_words(abi: str, tmp_path: Path) -> None:
    def to_text(path: Path) -> None:
        path.write_text("nothing")

    found = run_vectors(abi, tmp_path / "request", to_text).items["verify"].status
    assert found.outcome == "failed"
    assert "buffer is not valid TFLite" in found.reason or "model" in found.reason.lower()


def test_the_canary_of_arm_code_is_constant_only_where_the_shim_is_preloaded(tmp_path: Path) -> None:
    need("mvn", "qemu-aarch64-static")
    set_up("arm64", print)
    folder = library_folder("arm64")
    ask = ["-c", f"import ctypes; print(ctypes.CDLL({str(folder / SHIM)!r}).canary_is_constant())"]
    command = python_for("arm64", folder)
    preload = command.index(f"LD_PRELOAD={folder / SHIM}")
    bare = command[: preload - 1] + command[preload + 1 :]
    for python, constant in ((command, "1"), (bare, "0")):
        done = subprocess.run([*python, *ask], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == constant


def test_memory_is_aligned_for_kernels_that_need_more_than_the_library_asks_for() -> None:
    need("mvn", "gcc")
    set_up("x86_64", print)
    ask = """
import ctypes, sys
find = ctypes.CDLL(None).dlvsym
find.restype, find.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
shim = ctypes.CDLL(sys.argv[1])
memalign = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)(find(shim._handle, b"memalign", b"LIBC"))
print({memalign(32, 4288) % 64 for _ in range(200)}, memalign(4096, 1) % 4096)
"""
    python = python_for("x86_64", library_folder("x86_64"))
    shim = str(library_folder("x86_64") / SHIM)
    done = subprocess.run([*python, "-c", ask, shim], capture_output=True, text=True, check=True)
    assert done.stdout == "{0} 0\n"


def test_what_the_shim_forwards_and_what_it_has_itself_are_all_that_the_library_needs(aar: Path) -> None:
    for each in ABIS:
        assert checked_library(aar, each)


def test_a_library_with_a_symbol_that_the_shim_does_not_know_is_refused_by_name(
    aar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "changed.aar"
    with zipfile.ZipFile(aar) as source, zipfile.ZipFile(changed, "w") as target:
        name = f"jni/x86_64/{LIBRARY}"
        content = source.read(name)
        assert content.count(b"\0tanhf\0") == 1
        target.writestr(name, content.replace(b"\0tanhf\0", b"\0tanhq\0"))
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RequestError, match=r"needs what the shim does not know: tanhq; use org\.tensorflow") as refusal:
        set_up("x86_64", print, changed)
    assert "\n" not in str(refusal.value)
    assert not library_folder("x86_64").exists()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({}, "has no jni/x86_64/libtensorflowlite_jni.so"),
        ({f"jni/x86_64/{LIBRARY}": b"text"}, "it is not a 64-bit ELF file"),
        ({f"../{LIBRARY}": b"text"}, "has no jni/x86_64"),
    ],
)
def test_another_file_than_an_aar_is_refused(entries: dict[str, bytes], says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.aar"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(RequestError, match=re.escape(says)):
        checked_library(path, "x86_64")


def test_a_file_that_is_missing_or_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    for name in ("text", "missing"):
        with pytest.raises(RequestError, match="can't be read as an AAR"):
            checked_library(tmp_path / name, "x86_64")


def test_a_library_of_another_processor_is_refused(aar: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.aar"
    with zipfile.ZipFile(aar) as source, zipfile.ZipFile(changed, "w") as target:
        target.writestr(f"jni/x86_64/{LIBRARY}", source.read(f"jni/arm64-v8a/{LIBRARY}"))
    with pytest.raises(RequestError, match="is for processor 183, not 62"):
        checked_library(changed, "x86_64")


def test_an_unknown_abi_is_refused() -> None:
    with pytest.raises(RequestError, match="aar:mips is not a device: give aar:x86_64, aar:arm64"):
        open_aar("mips")


def test_what_is_not_set_up_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path))
    with pytest.raises(RequestError, match="run `edge_export devices setup aar:x86_64`"):
        open_aar("x86_64")


def test_maven_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path))
    with pytest.raises(RequestError, match="mvn is missing: apt-get install maven, or give the AAR by --file"):
        set_up("x86_64", print)


def test_a_cache_folder_that_the_linker_cannot_name_is_refused(
    aar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "a b"))
    with pytest.raises(RequestError, match="which ends a path: set EDGE_EXPORT_CACHE"):
        set_up("x86_64", print, aar)


def test_the_shims_own_functions_are_known() -> None:
    assert {"__errno", "sysconf", "strerror_r", "__android_log_vprint", "malloc"} <= known_symbols()
    assert AAR.split(":")[2] == "2.16.1"


@pytest.mark.slow
@pytest.mark.parametrize("products", ["grouped", "batched"])
def test_dynamic_int8_layers_are_right_in_androids_library(abi: str, products: str, tmp_path: Path) -> None:
    """On Arm its own kernels forget the scales of channels where inputs are quantized symmetrically: -35 dB."""
    request = stacked.request_folder(tmp_path / "request", stacked.compiled(products, "int8", "dynamic"))
    results = run_on(open_aar(abi), request, tmp_path / "request", lambda *_: None, resume=False)
    found = results.items["file"].load_outputs()["mixed"]
    assert agreement(stacked.expected(), found).snr_db > 25
