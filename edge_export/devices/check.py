"""Proves the way to a device: a request with a file of a hundred bytes goes there, and its result comes back."""

from __future__ import annotations

import hashlib
import secrets

import numpy as np

from edge_export.devices.device import Device
from edge_export.devices.folder import describe_part, new_run_id, write_folder
from edge_export.devices.request import Item, Request
from edge_export.devices.run import run_on
from edge_export.errors import RequestError
from edge_export.files.arrays import save_arrays
from edge_export.files.owned import scratch_folder
from edge_export.spec.device import DeviceFacts
from edge_export.spec.tensors import IOSpec, TensorSpec

BYTES = 100
FORMAT = "nothing"
"""No runner has a runtime for it: it reads the file, checks its sha256, and says that it can't run it."""


def check_device(device: Device) -> DeviceFacts:
    """Sends a request there whose artifact is random bytes, and reads what the runner makes of it.

    Returns:
        What the device says of itself.

    Raises:
        RequestError: The device is not there, or what comes back is not the answer of a runner that read the file.
    """
    with scratch_folder() as scratch:
        artifact, inputs = scratch / "bytes", scratch / "inputs.safetensors"
        artifact.write_bytes(secrets.token_bytes(BYTES))
        save_arrays(inputs, {"x": np.zeros((1, 1), np.float32)})
        io = IOSpec((TensorSpec("x", (1, 1)),), (TensorSpec("y", (1, 1)),))
        item = Item(
            id="check",
            member="check",
            label="check",
            mode="verify",
            format=FORMAT,
            artifact=describe_part("artifacts/bytes", artifact),
            io=io,
            member_io=io,
            inputs=describe_part("inputs/inputs.safetensors", inputs),
            timeout_s=600,  # an emulator on a busy machine is slow
        )
        request = Request(schema="1.0", run_id=new_run_id(), bundle=hashlib.sha256(b"").hexdigest(), items=(item,))
        folder = scratch / "request"
        folder.mkdir()
        write_folder(folder, request, {item.artifact.path: artifact, item.inputs.path: inputs})
        results = run_on(device, request, folder, lambda _item, _state: None, resume=False)
    result = results.items.get(item.id)
    if result is None or result.status.outcome != "unsupported":
        said = "nothing" if result is None else f"{result.status.outcome}: {result.status.reason}"
        raise RequestError(f"{device.name}: the file did not arrive; the runner says {said}")
    return results.facts
