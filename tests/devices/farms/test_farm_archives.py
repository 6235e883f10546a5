"""What a farm sends back is hostile until it is checked. The results are real; then they are spoiled."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from emulated_farm.spoil_archive import BOMB_BYTES, spoiled

from edge_export.bundle.folder import read_bundle
from edge_export.devices.farms.firebase import phones_in
from edge_export.devices.farms.result_zip import opened_zip
from edge_export.devices.farms.results import take_results
from edge_export.devices.folder import artifact_part, describe_part, new_run_id, write_folder
from edge_export.devices.local import Local
from edge_export.devices.request import Item, Request
from edge_export.devices.results import read_results
from edge_export.errors import RequestError
from edge_export.files.arrays import save_arrays


@pytest.fixture(scope="module")
def asked(small_bundle, tmp_path_factory):
    """A request that this machine's runner has worked through: its folder, and itself."""
    bundle = read_bundle(small_bundle)
    (member,) = bundle.manifest.members
    artifact = next(each for each in member.artifacts if each.format == "tflite")
    folder = tmp_path_factory.mktemp("request")
    inputs = tmp_path_factory.mktemp("inputs") / "inputs.safetensors"
    spec = member.io.inputs[0]
    save_arrays(inputs, {spec.name: np.zeros((2, *spec.shape[1:]), np.float32)})
    part = describe_part("inputs/recorded.safetensors", inputs)
    item = Item(
        id="0000-recorded",
        member=member.name,
        label=artifact.label,
        mode="verify",
        format="tflite",
        artifact=artifact_part(artifact.file),
        io=artifact.io,
        member_io=member.io,
        inputs=part,
    )
    request = Request(schema="1.0", run_id=new_run_id(), bundle="0" * 64, items=(item,))
    write_folder(folder, request, {item.artifact.path: bundle.path(artifact.file), part.path: inputs})
    Local().run(folder, request, lambda *_: None, resume=False)
    return folder, request


@pytest.fixture(scope="module")
def archive(asked):
    """The archive that a farm would make of it."""
    folder, _ = asked
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for path in (folder / "device.json", *sorted((folder / "results").rglob("*.*"))):
            made.write(path, f"Host_Machine_Files/$DEVICEFARM_LOG_DIR/edge_export/{path.relative_to(folder)}")
    return content.getvalue()


@pytest.fixture
def taken(asked, tmp_path):
    """A function that takes the results out of an archive, as for a phone of a farm."""
    folder, request = asked
    place = tmp_path / "phone"
    place.mkdir()
    (place / "inputs").symlink_to(folder / "inputs")

    def take(content: bytes):
        (tmp_path / "results.zip").write_bytes(content)
        with opened_zip(tmp_path / "results.zip") as read:
            take_results(read, request, place)
        return read_results(place, request)

    return take


def test_an_archive_gives_what_the_runner_left(asked, archive, taken):
    folder, request = asked
    here, there = read_results(folder, request), taken(archive)
    (item,) = request.items
    outputs = here.items[item.id].load_outputs()
    assert there.items[item.id].status == here.items[item.id].status
    assert all(np.array_equal(there.items[item.id].load_outputs()[name], value) for name, value in outputs.items())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("garbled", "can't be used"),
        ("empty", "can't be used: File is not a zip file"),
        ("parent names", r"can't be used: '\.\./\.\./"),
        ("absolute names", "can't be used: '/tmp/escaped/"),
        ("many names", "its table of contents has more than"),
        ("bomb of facts", "device.json has more than the 1048576 bytes"),
        ("no facts", "the runner app did not start"),
    ],
)
def test_an_archive_that_can_not_be_trusted_is_refused_whole(archive, taken, how, message, tmp_path):
    with pytest.raises(RequestError, match=message):
        taken(spoiled(how, archive))
    assert {path.name for path in tmp_path.iterdir()} == {"phone", "results.zip"}
    assert not list((tmp_path / "phone" / "results").glob("*"))


def test_a_name_that_is_there_twice_is_refused(archive, taken):
    content = io.BytesIO(archive)
    with zipfile.ZipFile(content, "a") as made:
        made.writestr("edge_export/device.json", b"{}")
    with pytest.raises(RequestError, match=r"it has device\.json twice"):
        taken(content.getvalue())


def test_a_bomb_fails_its_item_and_fills_no_memory(asked, archive, taken):
    bomb = spoiled("bomb", archive)
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    (result,) = taken(bomb).items.values()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.status.outcome == "failed"
    assert "outputs.safetensors has more than the" in result.status.reason
    assert peak < BOMB_BYTES // 8


def test_changed_outputs_fail_their_item(archive, taken):
    (result,) = taken(spoiled("flipped bits", archive)).items.values()
    assert result.status.outcome == "failed"
    assert "outputs.safetensors does not match its sha256" in result.status.reason


def test_a_link_out_of_a_folder_of_results_is_refused(asked, tmp_path):
    folder, request = asked
    pulled = tmp_path / "run" / "shiba-34-en-portrait" / "artifacts/sdcard/Android/media/edge.runner"
    pulled.mkdir(parents=True)
    (pulled / "device.json").symlink_to(folder / "device.json")
    ((name, read),) = phones_in(tmp_path / "run")
    assert name == "farm:firebase:shiba-34-en-portrait"
    with pytest.raises(RequestError, match="leads out of"):
        take_results(read, request, tmp_path)
