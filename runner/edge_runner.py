#!/usr/bin/env python3
"""The Python runner: runs the items of a request folder on this device and leaves their results beside them.

    python3 edge_runner.py FOLDER        run FOLDER/request.json; items that are finished are not run again
    python3 edge_runner.py --facts       print what this device says of itself, as JSON
    python3 edge_runner.py --check       print whether numpy and each runtime work here

One file, for Python 3.9 or later. It needs numpy, and ai-edge-litert (or tflite-runtime) for `.tflite` files or
executorch for `.pte` files; or, by --tflite-library, a shared library with TFLite's C API. Each item runs in a child
process: a crash or a hang of a runtime costs that item only. An item is finished when `results/<item>/` is there,
whole, with its `status.json`.

Each line on standard output is one JSON object: {"item": …, "outcome": "started" | "done" | "failed" | "unsupported"}.
Exit codes: 0 every item is finished; 2 the request is wrong; 3 this device lacks something; 4 ended from outside.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import functools
import hashlib
import importlib
import importlib.metadata
import json
import math
import os
import platform
import re
import resource
import shlex
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path, PurePosixPath

SCHEMA = "1.0"
VERSION = "edge_runner.py 1.0"
MAX_JSON_BYTES = 64 << 20
SIGNATURE = "serving_default"
SAMPLE_SECONDS = 0.001  # clocks are too coarse for a single call of less
MAX_SAMPLES = 1000000
WINDOW_SECONDS, STABLE = 0.1, 0.02  # the warm-up ends when the medians of two windows in a row differ by less
MEMORY_CALLS = 5
NAME = "[A-Za-z0-9_][A-Za-z0-9_.+-]{0,119}"
BENCH_CALLS = 64  # recorded calls that a bench repeats
DEFAULT_PLAN = {"warm_up_seconds": 2.0, "seconds": 1.0, "min_samples": 20}
DISK_FULL = 28  # the exit code of a child whose result finds no room
FACTS_SECONDS = 600.0  # an emulator on a busy machine is slow


class RequestError(Exception):
    """The request is wrong. The message is one line."""


class DeviceError(Exception):
    """This device lacks something. The message is one line."""


class Unsupported(Exception):
    """No runtime here runs this artifact."""


# ----------------------------------------------------------------------------------------------------------------------
# Files


def write_json(path, value):
    """Writes a JSON file whole or not at all."""
    staged = path.with_name("." + path.name + ".tmp")
    with staged.open("w", encoding="utf-8") as file:
        json.dump(value, file, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


def read_json(path):
    """Raises ValueError if the file is too large or not JSON, OSError if it can't be read."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_JSON_BYTES} bytes")
    return json.loads(path.read_text("utf-8"))


def file_sha256(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_of(path):
    """Returns the sha256 of a file, or of a folder: that of the lines `path NUL sha256 LF`, sorted part by part."""
    if not path.is_dir():
        return file_sha256(path)
    files = {file.relative_to(path).as_posix(): file_sha256(file) for file in path.rglob("*") if file.is_file()}
    ordered = sorted(files, key=lambda name: PurePosixPath(name).parts)
    return hashlib.sha256("".join(f"{name}\0{files[name]}\n" for name in ordered).encode()).hexdigest()


def checked_path(text):
    """Returns a relative path. Raises ValueError if it leads out of its folder."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{text!r} is not a path inside of the request")
    return path


def part_in(folder, part):
    """Returns the path of a part of the request. Raises ValueError if it is missing, changed or outside of `folder`."""
    name = checked_path(part["path"])
    path = folder / name
    if not path.exists():
        raise ValueError(f"{name} is missing")
    if sha256_of(path) != part["sha256"]:
        raise ValueError(f"{name} does not match its sha256: it was changed on its way")
    return path


def describe_part(folder, name):
    path = folder / name
    return {"path": name, "sha256": file_sha256(path), "bytes": path.stat().st_size}


# The numpy names of safetensors' types, all that an artifact's inputs and outputs may have.
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def load_arrays(path):
    """Reads a safetensors file. Raises ValueError if it is truncated or its header does not fit its bytes."""
    import numpy as np

    content = path.read_bytes()
    if len(content) < 8:
        raise ValueError(f"{path.name} is not a safetensors file: it is too short")
    (size,) = struct.unpack("<Q", content[:8])
    if size > len(content) - 8 or size > 100_000_000:
        raise ValueError(f"{path.name} is truncated, or not a safetensors file")
    try:
        header = json.loads(content[8 : 8 + size].decode("utf-8"), object_pairs_hook=_without_repeats)
        if not isinstance(header, dict):
            raise ValueError("the header is not an object")
        header.pop("__metadata__", None)
        arrays, used = {}, []
        for name, entry in header.items():
            dtype = np.dtype(DTYPES[entry["dtype"]]).newbyteorder("<")
            shape, (begin, end) = entry["shape"], entry["data_offsets"]
            if not all(type(number) is int and number >= 0 for number in [*shape, begin, end]):
                raise ValueError(f"a number of {name} is not a whole number")
            if end - begin != math.prod(shape) * dtype.itemsize or 8 + size + end > len(content):
                raise ValueError(f"the bytes of {name} don't fit its shape")
            values = np.frombuffer(content, dtype, math.prod(shape), 8 + size + begin)
            arrays[name] = values.reshape(shape).astype(dtype.newbyteorder("="))
            used.append((begin, end))
        ends = [0, *(end for _, end in sorted(used))]
        if ends[:-1] != [begin for begin, _ in sorted(used)] or ends[-1] != len(content) - 8 - size:
            raise ValueError("there are holes or overlaps")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not a valid safetensors file ({one_line(error)})") from None
    return arrays


def _without_repeats(pairs):
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def save_arrays(path, arrays):
    """Writes a safetensors file."""
    import numpy as np

    names = {numpy_name: name for name, numpy_name in DTYPES.items()}
    header, blocks, offset = {}, [], 0
    # The widest types first, so that each array is aligned.
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        block = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        offsets = [offset, offset + len(block)]
        header[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))
        file.flush()
        os.fsync(file.fileno())


def one_line(text, limit=400):
    line = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


# ----------------------------------------------------------------------------------------------------------------------
# Runtimes: (a name and a version, load(path, io, threads) -> a function from arrays by name to arrays by name)


def _tflite():
    for module, package in (("ai_edge_litert", "ai-edge-litert"), ("tflite_runtime", "tflite-runtime")):
        try:
            interpreter = importlib.import_module(module + ".interpreter").Interpreter
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            continue
        name = "LiteRT" if module == "ai_edge_litert" else "TensorFlow Lite"
        load = functools.partial(_load_tflite, interpreter)
        return f"{name} {importlib.metadata.version(package)}", load
    raise ModuleNotFoundError("install ai-edge-litert")


def _load_tflite(interpreter_type, path, io, threads):
    interpreter = interpreter_type(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    return _tflite_call(interpreter.get_signature_runner(SIGNATURE), io)


def _tflite_call(runner, io):
    import numpy as np

    def specs(details, stated):
        order = [spec["name"] for spec in stated if spec["name"] in details]
        order += [name for name in details if name not in order]
        return [
            {"name": n, "shape": list(map(int, details[n]["shape"])), "dtype": np.dtype(details[n]["dtype"]).name}
            for n in order
        ]

    _require_io(
        io, specs(runner.get_input_details(), io["inputs"]), specs(runner.get_output_details(), io["outputs"]), True
    )
    return lambda inputs: runner(**inputs)


LIBRARY = "EDGE_RUNNER_TFLITE_LIBRARY"  # tells child processes of --tflite-library


def _tflite_library():
    path = os.environ[LIBRARY]
    api = ctypes.CDLL(path)
    for name, (result, arguments) in C_API.items():
        function = getattr(api, name)
        function.restype, function.argtypes = result, arguments
    name = f"TensorFlow Lite {api.TfLiteVersion().decode()} ({Path(path).name}, {platform.machine()})"
    return name, lambda path, io, threads: _tflite_call(LibrarySignature(api, path, threads), io)


class XNNPackOptions(ctypes.Structure):
    """Its first field, and room for those of any version."""

    _fields_ = [("num_threads", ctypes.c_int32), ("rest", ctypes.c_char * 508)]


POINTER, REPORTER = ctypes.c_void_p, ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
C_API = {
    "TfLiteVersion": (ctypes.c_char_p, []),
    "TfLiteModelCreateFromFileWithErrorReporter": (POINTER, [ctypes.c_char_p, REPORTER, POINTER]),
    "TfLiteModelDelete": (None, [POINTER]),
    "TfLiteInterpreterOptionsCreate": (POINTER, []),
    "TfLiteInterpreterOptionsSetNumThreads": (None, [POINTER, ctypes.c_int32]),
    "TfLiteInterpreterOptionsSetErrorReporter": (None, [POINTER, REPORTER, POINTER]),
    "TfLiteInterpreterOptionsAddDelegate": (None, [POINTER, POINTER]),
    "TfLiteInterpreterOptionsDelete": (None, [POINTER]),
    "TfLiteXNNPackDelegateOptionsDefault": (XNNPackOptions, []),
    "TfLiteXNNPackDelegateCreate": (POINTER, [ctypes.POINTER(XNNPackOptions)]),
    "TfLiteXNNPackDelegateDelete": (None, [POINTER]),
    "TfLiteInterpreterCreate": (POINTER, [POINTER, POINTER]),
    "TfLiteInterpreterAllocateTensors": (ctypes.c_int, [POINTER]),
    "TfLiteInterpreterDelete": (None, [POINTER]),
    "TfLiteInterpreterGetSignatureRunner": (POINTER, [POINTER, ctypes.c_char_p]),
    "TfLiteSignatureRunnerAllocateTensors": (ctypes.c_int, [POINTER]),
    "TfLiteSignatureRunnerGetInputCount": (ctypes.c_size_t, [POINTER]),
    "TfLiteSignatureRunnerGetInputName": (ctypes.c_char_p, [POINTER, ctypes.c_int32]),
    "TfLiteSignatureRunnerGetInputTensor": (POINTER, [POINTER, ctypes.c_char_p]),
    "TfLiteSignatureRunnerGetOutputCount": (ctypes.c_size_t, [POINTER]),
    "TfLiteSignatureRunnerGetOutputName": (ctypes.c_char_p, [POINTER, ctypes.c_int32]),
    "TfLiteSignatureRunnerGetOutputTensor": (POINTER, [POINTER, ctypes.c_char_p]),
    "TfLiteSignatureRunnerInvoke": (ctypes.c_int, [POINTER]),
    "TfLiteSignatureRunnerDelete": (None, [POINTER]),
    "TfLiteTensorType": (ctypes.c_int, [POINTER]),
    "TfLiteTensorNumDims": (ctypes.c_int32, [POINTER]),
    "TfLiteTensorDim": (ctypes.c_int32, [POINTER, ctypes.c_int32]),
    "TfLiteTensorByteSize": (ctypes.c_size_t, [POINTER]),
    "TfLiteTensorData": (POINTER, [POINTER]),
}
# The numbers of TFLite's types.
TFLITE_TYPES = {
    1: "float32",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float16",
    11: "float64",
}


class LibrarySignature:
    """The signature of a TFLite file in a library with TFLite's C API. Raises ValueError or RuntimeError.

    XNNPACK runs what it can, as in apps: this API adds no delegate by itself. Where the file can't be prepared with
    XNNPACK it runs without, as Android's Java binding does it.
    """

    def __init__(self, api, path, threads):
        self.api, self.said = api, []
        self.reporter = REPORTER(self._hear)
        model = api.TfLiteModelCreateFromFileWithErrorReporter(os.fsencode(str(path)), self.reporter, None)
        if not model:
            raise ValueError(self._what_it_said("it is not a TFLite file"))
        made = self._prepare(model, threads, True) or self._prepare(model, threads, False)
        if made is None:
            api.TfLiteModelDelete(model)
            raise RuntimeError(self._what_it_said("it can't be prepared"))
        interpreter, delegate = made
        self.runner = api.TfLiteInterpreterGetSignatureRunner(interpreter, SIGNATURE.encode())
        weakref.finalize(self, _free, api, self.runner, interpreter, delegate, model)
        if not self.runner:
            raise ValueError(f"the file has no signature {SIGNATURE}")
        if api.TfLiteSignatureRunnerAllocateTensors(self.runner) != 0:
            raise RuntimeError(self._what_it_said("its tensors can't be allocated"))
        self.inputs, self.outputs = self._tensors("Input"), self._tensors("Output")
        self.views = {name: self._view(tensor) for name, tensor in {**self.inputs, **self.outputs}.items()}

    def _prepare(self, model, threads, with_xnnpack):
        """Returns an interpreter and its delegate, or None."""
        api, delegate = self.api, None
        self.said.clear()
        options = api.TfLiteInterpreterOptionsCreate()
        api.TfLiteInterpreterOptionsSetNumThreads(options, threads)
        api.TfLiteInterpreterOptionsSetErrorReporter(options, self.reporter, None)
        if with_xnnpack:
            chosen = api.TfLiteXNNPackDelegateOptionsDefault()
            chosen.num_threads = threads
            delegate = api.TfLiteXNNPackDelegateCreate(ctypes.byref(chosen))
            api.TfLiteInterpreterOptionsAddDelegate(options, delegate)
        interpreter = api.TfLiteInterpreterCreate(model, options)
        api.TfLiteInterpreterOptionsDelete(options)
        if interpreter and api.TfLiteInterpreterAllocateTensors(interpreter) == 0:
            return interpreter, delegate
        _free(api, None, interpreter, delegate, None)
        return None

    def _hear(self, _, text, arguments):
        line = ctypes.create_string_buffer(1000)
        ctypes.CDLL(None).vsnprintf(line, ctypes.c_size_t(len(line)), text, ctypes.c_void_p(arguments))
        self.said.append(line.value.decode("utf-8", "replace"))

    def _what_it_said(self, otherwise):
        return one_line(" ".join(self.said) or otherwise)

    def _tensors(self, side):
        count = getattr(self.api, f"TfLiteSignatureRunnerGet{side}Count")(self.runner)
        name_of = getattr(self.api, f"TfLiteSignatureRunnerGet{side}Name")
        tensor_of = getattr(self.api, f"TfLiteSignatureRunnerGet{side}Tensor")
        names = [name_of(self.runner, index) for index in range(count)]
        return {name.decode(): tensor_of(self.runner, name) for name in names}

    def _details(self, tensor):
        api = self.api
        number = api.TfLiteTensorType(tensor)
        if number not in TFLITE_TYPES:
            raise ValueError(f"the file has an input or output of type {number}, which is no number")
        shape = tuple(api.TfLiteTensorDim(tensor, axis) for axis in range(api.TfLiteTensorNumDims(tensor)))
        return {"shape": shape, "dtype": TFLITE_TYPES[number]}

    def get_input_details(self):
        return {name: self._details(tensor) for name, tensor in self.inputs.items()}

    def get_output_details(self):
        return {name: self._details(tensor) for name, tensor in self.outputs.items()}

    def _view(self, tensor):
        """Returns the tensor's own memory as an array. None: its size is not known before a call."""
        import numpy as np

        address, details = self.api.TfLiteTensorData(tensor), self._details(tensor)
        dtype, count = np.dtype(details["dtype"]), math.prod(details["shape"])
        if not address or self.api.TfLiteTensorByteSize(tensor) != count * dtype.itemsize:
            return None
        block = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
        return np.frombuffer(block, dtype, count).reshape(details["shape"])

    def __call__(self, **inputs):
        for name in self.inputs:
            view, array = self.views[name], inputs[name]
            if view is None or array.shape != view.shape or array.dtype != view.dtype:
                raise ValueError(f"input {name} does not take {array.dtype.name} {list(array.shape)}")
            view[...] = array
        if self.api.TfLiteSignatureRunnerInvoke(self.runner) != 0:
            raise RuntimeError(self._what_it_said("the call failed"))
        outputs = {}
        for name, tensor in self.outputs.items():
            view = self.views[name]
            view = self._view(tensor) if view is None else view
            if view is None:
                raise RuntimeError(f"output {name} has no data after the call")
            outputs[name] = view.copy()
        return outputs


def _free(api, runner, interpreter, delegate, model):
    for kind, made in (
        ("SignatureRunner", runner),
        ("Interpreter", interpreter),
        ("XNNPackDelegate", delegate),
        ("Model", model),
    ):
        if made:
            getattr(api, f"TfLite{kind}Delete")(made)


# The first TensorFlow Lite with a version of an operator, from 2.15 on: apps may have an older one.
SINCE = {
    "ADD": {6: "2.23"},
    "CAST": {6: "2.15", 7: "2.17", 8: "2.21"},
    "CONCATENATION": {5: "2.21", 6: "2.23"},
    "CONV_2D": {8: "2.15"},
    "COS": {2: "2.23"},
    "DEQUANTIZE": {6: "2.18", 7: "2.21", 8: "2.22"},
    "DILATE": {1: "2.15"},
    "DYNAMIC_UPDATE_SLICE": {2: "2.17", 3: "2.19", 4: "2.20", 5: "2.21", 6: "2.22"},
    "EMBEDDING_LOOKUP": {4: "2.18", 5: "2.21"},
    "EQUAL": {5: "2.21"},
    "FULLY_CONNECTED": {11: "2.15", 12: "2.17", 13: "2.18", 14: "2.21"},
    "GATHER": {7: "2.15"},
    "GATHER_ND": {5: "2.16"},
    "LOG": {2: "2.15"},
    "MUL": {8: "2.23"},
    "NOT_EQUAL": {4: "2.21"},
    "PAD": {5: "2.20"},
    "PADV2": {5: "2.20"},
    "QUANTIZE": {4: "2.21", 5: "2.21", 6: "2.21"},
    "REDUCE_WINDOW": {1: "2.15"},
    "RSQRT": {3: "2.15"},
    "SIN": {2: "2.23"},
    "SLICE": {7: "2.21", 8: "2.23"},
    "SOFTMAX": {4: "2.23"},
    "SQRT": {2: "2.21"},
    "STABLEHLO_ADD": {1: "2.16"},
    "STABLEHLO_COMPOSITE": {1: "2.17"},
    "STABLEHLO_GATHER": {1: "2.16"},
    "STABLEHLO_MAXIMUM": {1: "2.16"},
    "STABLEHLO_MINIMUM": {1: "2.16"},
    "STABLEHLO_MULTIPLY": {1: "2.16"},
    "STABLEHLO_PAD": {1: "2.16"},
    "STABLEHLO_REDUCE_WINDOW": {1: "2.16"},
    "STABLEHLO_SCATTER": {1: "2.15"},
    "TRANSPOSE": {8: "2.22", 9: "2.23"},
    "TRANSPOSE_CONV": {5: "2.15"},
    "UNPACK": {5: "2.22"},
}


def lacking(text):
    """Returns the operators that a TFLite runtime says it lacks, each with the version that has it, or ""."""
    found = dict.fromkeys(re.findall(r"opcode '([A-Z0-9_]+)' version '([0-9]+)'", text))
    since = [(name, number, SINCE.get(name, {}).get(int(number))) for name, number in found]
    return "; ".join(
        f"{name} version {number}" + (f", which TensorFlow Lite {first} and newer have" if first else "")
        for name, number, first in since
    )


# The numbers of ExecuTorch's scalar types.
SCALAR_TYPES = {0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 11: "bool"}


def _executorch():
    try:
        torch = importlib.import_module("torch")  # before the bindings: it loads the libraries that they need
        bindings = importlib.import_module("executorch.extension.pybindings._portable_lib")
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "executorch"):
            raise
        raise ModuleNotFoundError("install executorch") from None
    name = f"ExecuTorch {importlib.metadata.version('executorch')}"
    return name, functools.partial(_load_executorch, torch, bindings)


def _load_executorch(torch, bindings, path, io, threads):
    torch.set_num_threads(threads)
    bindings._unsafe_reset_threadpool(threads)
    program = bindings._load_program(str(path), program_verification=bindings.Verification.InternalConsistency)
    meta = program.method_meta("forward")

    def spec(info):
        dtype = SCALAR_TYPES.get(int(info.dtype()), f"type {int(info.dtype())}")
        return {"name": "", "shape": list(info.sizes()), "dtype": dtype}

    inputs = [spec(meta.input_tensor_meta(index)) for index in range(meta.num_inputs())]
    outputs = [spec(meta.output_tensor_meta(index)) for index in range(meta.num_outputs())]
    _require_io(io, inputs, outputs, False)
    method = program.load_method("forward")
    names = [spec["name"] for spec in io["inputs"]], [spec["name"] for spec in io["outputs"]]

    def run(arrays):
        # torch.tensor copies: a slice of a larger array has strides that ExecuTorch reads as another order of axes.
        values = method([torch.tensor(arrays[name]) for name in names[0]])
        return {name: value.numpy() for name, value in zip(names[1], values)}

    return run


RUNTIMES = {"tflite": _tflite, "executorch": _executorch}


def runtimes_here():
    """Returns the runtimes that this process may use, by format. With --tflite-library it is the only one."""
    return {"tflite": _tflite_library} if LIBRARY in os.environ else RUNTIMES


def _require_io(io, inputs, outputs, named):
    """Raises ValueError unless the file's inputs and outputs are those of `io`, in order."""
    problems = []
    for side, stated, real in (("input", io["inputs"], inputs), ("output", io["outputs"], outputs)):
        if len(stated) != len(real):
            problems.append(f"the file has {len(real)} {side}s, not {len(stated)}")
            continue
        for want, have in zip(stated, real):
            if named and want["name"] != have["name"]:
                problems.append(f"{side} {want['name']} is called {have['name']} in the file")
            if list(want["shape"]) != have["shape"] or want.get("dtype", "float32") != have["dtype"]:
                problems.append(f"{side} {want['name']} is {_type(have)} in the file, not {_type(want)}")
    if problems:
        raise ValueError("; ".join(problems))


def _type(spec):
    return f"{spec.get('dtype', 'float32')} {list(spec['shape'])}"


# ----------------------------------------------------------------------------------------------------------------------
# Calls: in the member's names, layouts and types, with state that is fed back


def checked(call, io):
    """Wraps a runtime's call: its outputs must have the shapes and types of `io`."""

    def run(inputs):
        outputs = call(inputs)
        for spec in io["outputs"]:
            array = outputs[spec["name"]]
            if array.shape != tuple(spec["shape"]) or array.dtype.name != spec.get("dtype", "float32"):
                found = f"{array.dtype.name} {list(array.shape)}"
                raise ValueError(f"output {spec['name']} is {found}, not {_type(spec)}")
        return outputs

    return run


def to_layout(array, source, target):
    """Transposes `array` from layout `source` to `target`, such as "NCHW" to "NHWC". The result is contiguous."""
    import numpy as np

    if source == target:
        return array
    if sorted(source) != sorted(target) or len(source) != array.ndim or len(set(source)) != len(source):
        raise ValueError(f"an array of shape {list(array.shape)} cannot go from layout {source!r} to {target!r}")
    return np.ascontiguousarray(array.transpose([source.index(axis) for axis in target]))


def to_type(array, spec):
    """Returns integers or bools as those of `spec`, which may be other ones. Floats stay as they are."""
    import numpy as np

    wanted = spec.get("dtype", "float32")
    if array.dtype.name == wanted or "f" in (array.dtype.kind, np.dtype(wanted).kind):
        return array
    converted = array.astype(wanted)
    if not np.array_equal(converted, array):
        raise ValueError(f"{spec['name']} holds {array[converted != array].flat[0]}, which is no {wanted}")
    return converted


def crossed(array, source, target):
    """Returns an array in the layout, type and shape of the other side: of a member, or of its artifact."""
    array = to_type(to_layout(array, source.get("layout", ""), target.get("layout", "")), target)
    # A file may lack the batch of one, where its format has no more axes.
    return array.reshape(target["shape"]) if array.ndim != len(target["shape"]) else array


def own_inputs(inputs, io, member_io):
    """Returns the member's inputs that are in `inputs`, in the artifact's names, layouts and types."""
    return {
        own["name"]: crossed(inputs[member["name"]], member, own)
        for own, member in zip(io["inputs"], member_io["inputs"])
        if member["name"] in inputs
    }


def as_member(call, io, member_io):
    """Adapts `call` from an artifact's names, layouts and types to those of the member. Both have the same order."""

    def run(inputs):
        outputs = call(own_inputs(inputs, io, member_io))
        return {
            member["name"]: crossed(outputs[own["name"]], own, member)
            for own, member in zip(io["outputs"], member_io["outputs"])
        }

    return run


def zero_state(io):
    """Returns zeros for each input that is fed back."""
    import numpy as np

    sinks = {sink for _, sink in io.get("feedback", [])}
    specs = [spec for spec in io["inputs"] if spec["name"] in sinks]
    return {spec["name"]: np.zeros(spec["shape"], spec.get("dtype", "float32")) for spec in specs}


def next_state(io, outputs):
    import numpy as np

    return {sink: np.array(outputs[source]) for source, sink in io.get("feedback", [])}


def call_each(run, io, samples, count):
    """Calls `run` once for each sample. The state that is fed back starts at zero. Returns stacked outputs."""
    import numpy as np

    state, results = zero_state(io), []
    for index in range(count):
        given = {name: array[index : index + 1] for name, array in samples.items()}
        given.update(state)
        outputs = run(given)
        state = next_state(io, outputs)
        results.append({name: np.array(array) for name, array in outputs.items()})
    return {spec["name"]: np.concatenate([result[spec["name"]] for result in results]) for spec in io["outputs"]}


def stream_calls(io, recording):
    """Splits `(1, …, samples)` into the calls of a stream. Silence after its end flushes the delayed samples."""
    import numpy as np

    size = io["stream"]["hop"] * io["stream"]["frames_per_call"]
    samples = recording.shape[-1]
    calls = -(-(samples + io["stream"]["delay"]) // size)
    padded = np.zeros((*recording.shape[:-1], calls * size), io["inputs"][0].get("dtype", "float32"))
    padded[..., :samples] = recording
    return [np.ascontiguousarray(padded[..., index * size : (index + 1) * size]) for index in range(calls)]


def stream_recordings(run, io, recordings):
    """Runs each recording of `(count, …, samples)` from a state of zeros.

    Returns the first output by name, aligned with the recordings.
    """
    import numpy as np

    audio, stems = io["inputs"][0]["name"], io["outputs"][0]["name"]
    delay, samples = io["stream"]["delay"], recordings.shape[-1]
    results = []
    for index in range(len(recordings)):
        state, parts = zero_state(io), []
        for call in stream_calls(io, recordings[index : index + 1]):
            given = {audio: call}
            given.update(state)
            outputs = run(given)
            parts.append(np.array(outputs[stems]))
            state = next_state(io, outputs)
        results.append(np.concatenate(parts, axis=-1)[..., delay : delay + samples])
    return {stems: np.concatenate(results)}


def count_samples(samples, io):
    """Checks the samples against the member's inputs and returns their number. Raises ValueError."""
    streams = io.get("stream") is not None
    end = -1 if streams else None
    sinks = {sink for _, sink in io.get("feedback", [])}
    expected = {spec["name"]: spec for spec in io["inputs"] if spec["name"] not in sinks}
    problems = []
    if samples.keys() != expected.keys():
        problems.append(f"the samples are of {sorted(samples)}, but the inputs are {sorted(expected)}")
    for name in samples.keys() & expected.keys():
        array, spec = samples[name], expected[name]
        shape, dtype = tuple(spec["shape"]), spec.get("dtype", "float32")
        fits = array.ndim == len(shape) and array.shape[1:end] == shape[1:end] and shape[0] == 1
        if not fits or array.size == 0 or array.dtype.name != dtype:
            found = f"{array.dtype.name} {list(array.shape)}"
            wanted = ["count", *shape[1:end], *(["samples"] if streams else [])]
            problems.append(f"samples of {name} are {found}, not {dtype} {wanted}")
    counts = {len(array) for array in samples.values()}
    if len(counts) != 1 or counts == {0}:
        problems.append(f"all inputs need the same number of samples, at least one; there are {sorted(counts)}")
    if problems:
        raise ValueError("; ".join(sorted(problems)))
    return counts.pop()


# ----------------------------------------------------------------------------------------------------------------------
# Modes: what a child process does with one item


def run_item(folder, item, staged):
    """Runs one item in this process and leaves its files in `staged`.

    Returns the fields of its status that only this process knows.
    """
    artifact, inputs = part_in(folder, item["artifact"]), part_in(folder, item["inputs"])
    runtimes = runtimes_here()
    if item["format"] not in runtimes:
        raise Unsupported(f"this runner has no runtime for the format {item['format']}")
    try:
        runtime, load_file = runtimes[item["format"]]()
    except (ImportError, OSError, AttributeError) as error:
        raise Unsupported(f"no runtime for {item['format']} works on this device: {one_line(error)}") from None
    samples = load_arrays(inputs)
    count = count_samples(samples, item["member_io"])

    def load():
        return checked(load_file(artifact, item["io"], item.get("threads", 1)), item["io"])

    # Pinned before the runtime makes its threads, which inherit it.
    modes = {"verify": verify, "bench": bench, "memory": memory}
    if item["mode"] == "bench":
        pin(item.get("threads", 1))
    try:
        answer = modes[item["mode"]](item, load, samples, count, staged)
    except (RuntimeError, ValueError) as error:
        text = str(error)
        if any(words in text for words in ("unresolved custom op", "Didn't find op", "0x14")):
            raise Unsupported(f"{runtime} lacks an operator of this file: {lacking(text) or one_line(text)}") from None
        raise
    answer["runtime"] = runtime
    return answer


def verify(item, load, samples, count, staged):
    io = item["member_io"]

    def run_all(call):
        run = as_member(call, item["io"], io)
        if io.get("stream") is not None:
            return stream_recordings(run, io, samples[io["inputs"][0]["name"]])
        return call_each(run, io, samples, count)

    start = time.perf_counter()
    call = load()
    loaded = time.perf_counter()
    outputs = run_all(call)
    done = time.perf_counter()
    save_arrays(staged / "outputs.safetensors", outputs)
    answer = {"count": count, "load_seconds": loaded - start, "seconds": done - loaded}
    if item.get("repeat"):
        del call
        again = run_all(load())
        answer["repeatable"] = all(array.tobytes() == again[name].tobytes() for name, array in outputs.items())
    return answer


class Calls:
    """Repeats the recorded calls of an item in the artifact's own names, layouts and types, and feeds state back."""

    def __init__(self, item, samples, count):
        io = item["member_io"]
        if io.get("stream") is not None:
            audio = io["inputs"][0]["name"]
            calls = ({audio: call} for n in range(count) for call in stream_calls(io, samples[audio][n : n + 1]))
        else:
            calls = ({name: array[n : n + 1] for name, array in samples.items()} for n in range(count))
        self.inputs = [own_inputs(call, item["io"], io) for call, _ in zip(calls, range(BENCH_CALLS))]
        self.state = own_inputs(zero_state(io), item["io"], io)
        outputs = {member["name"]: own for own, member in zip(item["io"]["outputs"], io["outputs"])}
        inputs = {member["name"]: own for own, member in zip(item["io"]["inputs"], io["inputs"])}
        self.feedback = [(outputs[source], inputs[sink]) for source, sink in io.get("feedback", [])]
        self.index = 0

    def __call__(self, call):
        given = dict(self.inputs[self.index])
        given.update(self.state)
        outputs = call(given)
        for source, sink in self.feedback:
            self.state[sink["name"]] = crossed(outputs[source["name"]], source, sink)
        self.index = (self.index + 1) % len(self.inputs)


def bench(item, load, samples, count, staged):
    plan = dict(DEFAULT_PLAN)
    plan.update(item.get("plan") or {})
    clock = time.perf_counter
    calls = Calls(item, samples, count)
    start = clock()
    call = load()
    loaded = clock()
    calls(call)
    first = clock()
    warm_up, each = 0, []
    while warm_up < 3 or (clock() - first < 0.02 and warm_up < 1000):
        began = clock()
        calls(call)
        each.append(clock() - began)
        warm_up += 1
    per_sample = max(1, math.ceil(SAMPLE_SECONDS / max(statistics.median(each), 1e-9)))
    if item["member_io"].get("stream") is not None:
        per_sample = 1  # one late call of a stream is heard, and a mean would hide it

    def sample():
        began = clock()
        for _ in range(per_sample):
            calls(call)
        return 1000 * (clock() - began) / per_sample

    stable, before = False, None
    while not stable and clock() - first < plan["warm_up_seconds"]:
        window, began = [], clock()
        while clock() - began < WINDOW_SECONDS or len(window) < 3:
            window.append(sample())
        warm_up += len(window) * per_sample
        median = statistics.median(window)
        stable = before is not None and abs(median - before) < STABLE * before
        before = median
    times, began = [], clock()
    while len(times) < plan["min_samples"] or (clock() - began < plan["seconds"] and len(times) < MAX_SAMPLES):
        times.append(sample())
    write_json(
        staged / "samples.json",
        {
            "schema": SCHEMA,
            "load_ms": 1000 * (loaded - start),
            "first_ms": 1000 * (first - loaded),
            "warm_up_calls": warm_up,
            "stable": stable,
            "calls_per_sample": per_sample,
            "call_ms": times,
        },
    )
    done = clock()
    return {"count": len(calls.inputs), "load_seconds": loaded - start, "seconds": done - loaded}


def memory(item, load, samples, count, staged):
    calls = Calls(item, samples, count)
    before = reset_peak()
    start = time.perf_counter()
    call = load()
    loaded = time.perf_counter()
    for _ in range(MEMORY_CALLS):
        calls(call)
    done = time.perf_counter()
    peak = max(0, peak_bytes() - before)
    answer = {"count": len(calls.inputs), "load_seconds": loaded - start, "seconds": done - loaded}
    return dict(answer, peak_memory_bytes=peak)


def reset_peak():
    """Sets the peak of this process to its present resident memory, where the system can, and returns it in bytes."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS") or peak_bytes()


def peak_bytes():
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _status_bytes("VmHWM") or largest * (1 if sys.platform == "darwin" else 1024)


def _status_bytes(name):
    for line in _read("/proc/self/status").splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    return None


def pin(threads):
    """Pins this process to as many cores as it has threads, the fastest ones. Only Linux can."""
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    limits = {n: _number(f"/sys/devices/system/cpu/cpu{n}/cpufreq/cpuinfo_max_freq") or 0 for n in allowed}
    fastest = sorted(allowed, key=lambda n: (limits[n], n), reverse=True)[:threads]  # core 0 last: it has interrupts
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, fastest)


# ----------------------------------------------------------------------------------------------------------------------
# The device


def facts():
    """Returns the content of device.json, without the states. Imports each runtime, so call it in a child process.

    Raises DeviceError if no runtime works.
    """
    importlib.import_module("numpy")
    runtimes, problems = {}, []
    for name, load in runtimes_here().items():
        try:
            runtimes[name] = load()[0]
        except ModuleNotFoundError as error:
            problems.append(f"{name}: {error}")
        except Exception as error:
            alien = any(words in str(error) for words in ("wrong ELF class", "invalid ELF header", "not a mach-o"))
            why = f"it was built for another architecture than {platform.machine()}: " if alien else ""
            problems.insert(0, f"{name}: {why}{error}")
    if not runtimes:
        raise DeviceError("no runtime works: " + one_line("; ".join(problems)))
    memory_bytes = None
    with contextlib.suppress(ValueError, OSError, AttributeError):
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "schema": SCHEMA,
        "runner": f"{VERSION}, Python {platform.python_version()}",
        "model": _model(),
        "soc": _soc(),
        "os": _system(),
        "arch": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": memory_bytes,
        "runtimes": runtimes,
    }


def _model():
    for path in ("/proc/device-tree/model", "/sys/class/dmi/id/product_name"):
        if found := _read(path).strip("\0\n "):
            return found[:200]
    return _sysctl("hw.model") or platform.node() or "unknown"


def _soc():
    for key in ("model name", "Hardware", "Model"):
        for line in _read("/proc/cpuinfo").splitlines():
            if line.split(":")[0].strip() == key:
                return line.split(":", 1)[1].strip()[:200]
    compatible = _read("/proc/device-tree/compatible").strip("\0").split("\0")[-1]
    return compatible[:200] or _sysctl("machdep.cpu.brand_string")


def _system():
    for line in _read("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return ", ".join([line.split("=", 1)[1].strip('"'), f"{platform.system()} {platform.release()}"])
    return f"{platform.system()} {platform.mac_ver()[0] or platform.release()}"


def _sysctl(name):
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5).stdout.strip()
    return ""


def state():
    """Returns what may slow the device down now, as far as Linux says it."""
    temperatures = [_number(str(path)) for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    known = [value / 1000 for value in temperatures if value is not None and -50_000 < value < 200_000]
    cores = sorted(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq"), key=lambda p: int(p.parent.name[3:]))
    frequencies = [_number(str(core / "scaling_cur_freq")) for core in cores]
    supplies = list(Path("/sys/class/power_supply").glob("*"))
    charges = [_number(str(path / "capacity")) for path in supplies]
    charging = [_read(str(path / "status")).strip() for path in supplies]
    result = {
        "temperature_c": max(known, default=None),
        "battery_percent": next((float(value) for value in charges if value is not None), None),
        "charging": next((value in ("Charging", "Full", "Not charging") for value in charging if value), None),
        "governors": [_read(str(core / "scaling_governor")).strip() for core in cores],
        "frequencies_khz": [int(value) for value in frequencies if value is not None],
    }
    with contextlib.suppress(OSError, AttributeError):
        result["load"] = os.getloadavg()[0]
    return result


def _read(path):
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return Path(path).read_text()
    return ""


def _number(path):
    with contextlib.suppress(ValueError):
        return int(_read(path))
    return None


# ----------------------------------------------------------------------------------------------------------------------
# The parent: one child process for each item


class Children:
    """Runs one child process at a time, which ends with this process and by its time limit."""

    def __init__(self, python):
        self.command = [*python, str(Path(__file__).resolve())]
        self.child = None
        self.lock = threading.RLock()  # a signal may come while it is held

    def run(self, arguments, timeout, output):
        """Returns the exit code of a child, or None if it took longer than `timeout` seconds."""
        late = threading.Event()
        with self.lock:
            child = subprocess.Popen(
                [*self.command, *arguments],
                stdin=subprocess.PIPE,  # held open: at its end the child ends, too
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.child = child

        def stop():
            late.set()
            self.end()

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        code = child.wait()
        timer.cancel()
        self.end()  # whatever the child left running
        with self.lock:
            self.child = None
        child.stdin.close()
        return None if late.is_set() else code

    def end(self):
        with self.lock:
            if self.child is not None:
                with contextlib.suppress(OSError):
                    os.killpg(self.child.pid, signal.SIGKILL)


def read_request(folder):
    """Returns the request. Raises RequestError if it is of another version or not whole."""
    try:
        request = read_json(folder / "request.json")
        schema = request["schema"]
        if schema != SCHEMA:
            raise RequestError(f"the request has schema {schema}, this runner knows {SCHEMA}: use its runner")
        seen = set()
        for item in request["items"]:
            name = item["id"]
            if name in seen or not re.fullmatch(NAME, name):
                raise ValueError(f"the item {name!r} has a bad or repeated name")
            seen.add(name)
            for key in ("mode", "format", "artifact", "io", "member_io", "inputs"):
                item[key]
            for part in (item["artifact"], item["inputs"]):
                checked_path(part["path"])
            if item["mode"] not in ("verify", "bench", "memory"):
                raise ValueError(f"the item {name} has the unknown mode {item['mode']!r}")
        if not seen or not re.fullmatch(NAME, request["run_id"]):
            raise ValueError("there are no items, or the run id is no name")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else one_line(error)
        raise RequestError(f"{folder / 'request.json'} is not a request: {reason}") from None
    return request


def is_finished(folder, request, item):
    """Returns whether an item has the status of this run."""
    try:
        status = read_json(folder / "results" / item["id"] / "status.json")
        return status["run_id"] == request["run_id"] and status["item"] == item["id"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def finish_item(folder, request, index, children):
    """Runs one item in a child process and writes its results. Returns its status."""
    item = request["items"][index]
    results = folder / "results"
    staged = results / (f".{item['id']}.part")
    shutil.rmtree(str(staged), ignore_errors=True)
    staged.mkdir(parents=True)
    before = state()
    timeout = float(item.get("timeout_s", 600.0))
    with tempfile.TemporaryFile() as output:
        code = children.run(["--child", str(folder), str(index), str(staged)], timeout, output)
        status = _status(item, staged, code, timeout, output)
    status = dict({"schema": SCHEMA, "run_id": request["run_id"], "item": item["id"]}, **status)
    status.update(before=before, after=state())
    if status["outcome"] != "done":
        for path in staged.iterdir():
            path.unlink()
    for key, name in (("outputs", "outputs.safetensors"), ("samples", "samples.json")):
        if (staged / name).exists():
            status[key] = describe_part(staged, name)
    write_json(staged / "status.json", status)
    final = results / item["id"]
    shutil.rmtree(str(final), ignore_errors=True)
    staged.replace(final)
    return status


def _status(item, staged, code, timeout, output):
    """Returns what the child answered, or why there is no answer."""
    if code is None:
        return {"outcome": "failed", "reason": f"it took longer than its time limit of {timeout:g} s"}
    if code == 0:
        answer = read_json(staged / "answer.json")
        (staged / "answer.json").unlink()
        return answer
    if code == DISK_FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(staged.parent))
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - 4000))
    lines = output.read().decode("utf-8", "replace").strip().splitlines()
    if code < 0:
        with contextlib.suppress(ValueError):
            code = signal.Signals(-code).name
        lines = [f"the runtime crashed ({code}){': ' + lines[-1] if lines else ''}"]
    return {"outcome": "failed", "reason": one_line(lines[-1] if lines else f"exit code {code}")}


def run_request(folder, children, emulated):
    """Runs every item that is not finished. Raises RequestError, DeviceError, OSError."""
    request = read_request(folder)
    with locked(folder):
        device = facts_now(children, emulated)
        write_json(folder / "device.json", device)
        for index, item in enumerate(request["items"]):
            if is_finished(folder, request, item):
                tell(item=item["id"], outcome="finished before")
                continue
            tell(item=item["id"], outcome="started")
            status = finish_item(folder, request, index, children)
            tell(item=item["id"], outcome=status["outcome"], reason=status.get("reason", ""))
        write_json(folder / "device.json", dict(device, after=state()))


def facts_now(children, emulated):
    """Returns the content of device.json before a run."""
    device = dict(device_facts(children), emulated=emulated, before=state())
    if emulated:  # the system names the processor below the emulator
        device["soc"] = f"emulated {device['arch']}"
    return device


def device_facts(children):
    """Returns the facts, from a child process: a runtime may crash when it is imported."""
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as output:
        answer = Path(scratch) / "facts.json"
        code = children.run(["--child-facts", str(answer)], FACTS_SECONDS, output)
        if code == 0:
            return read_json(answer)
        output.seek(0)
        lines = output.read().decode("utf-8", "replace").strip().splitlines()
    python = " ".join(children.command[:-1])
    if any("No module named 'numpy'" in line for line in lines[-1:]):
        raise DeviceError(f"numpy is missing for {python}: install it with `{python} -m pip install numpy`")
    if code == 3 and lines:
        raise DeviceError(one_line(lines[-1]))
    if code is None:
        raise DeviceError(f"the runtimes can't be imported within {FACTS_SECONDS:g} s")
    raise DeviceError(f"{python} can't import the runtimes: {one_line(lines[-1] if lines else code)}")


def check(children):
    """Prints a line for numpy and for each runtime. Raises DeviceError if none works."""
    found = device_facts(children)["runtimes"]
    print("numpy works")
    for name in runtimes_here():
        print(f"{name}: {found.get(name, 'no runtime works here')}")


@contextlib.contextmanager
def locked(folder):
    """Holds the folder, so that two runners never work on it. Raises RequestError if another one does."""
    import fcntl

    with (folder / ".lock").open("w") as file:
        for _ in range(50):  # a runner whose link was lost needs a moment to end
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RequestError(f"another runner works on {folder}: wait until it has ended")
        yield


def tell(**event):
    print(json.dumps(event), flush=True)


def end_with_input(stop):
    """Ends this process when its standard input ends: nobody waits for it any more."""

    def wait():
        with contextlib.suppress(OSError, ValueError):
            while os.read(0, 4096):
                pass
        stop()
        os._exit(4)

    threading.Thread(target=wait, daemon=True).start()


def child_main(arguments):
    """What a child process does. Its exit code is 0 if it wrote its answer."""
    end_with_input(lambda: None)
    if arguments[0] == "--child-facts":
        try:
            write_json(Path(arguments[1]), facts())
        except DeviceError as error:
            print(error, flush=True)
            os._exit(3)
        os._exit(0)
    folder, staged = Path(arguments[1]), Path(arguments[3])
    item = read_json(folder / "request.json")["items"][int(arguments[2])]
    try:
        write_json(staged / "answer.json", answer_of(folder, item, staged))
    except OSError as error:
        print(error, flush=True)
        os._exit(DISK_FULL if is_full(error) else 1)
    sys.stdout.flush()
    os._exit(0)  # a runtime that crashes when it is torn down costs nothing


def answer_of(folder, item, staged):
    """Returns the outcome of an item and what it measured. Raises OSError if the disk is full: that is no outcome."""
    try:
        return dict(run_item(folder, item, staged), outcome="done")
    except Unsupported as error:
        return {"outcome": "unsupported", "reason": one_line(error, 1000)}
    except Exception as error:
        if is_full(error):
            raise
        words = "" if isinstance(error, ValueError) else type(error).__name__ + ": "
        return {"outcome": "failed", "reason": one_line(words + str(error), 1000)}


def is_full(error):
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def main(arguments):
    if arguments and arguments[0] in ("--child", "--child-facts"):
        return child_main(arguments)
    parser = argparse.ArgumentParser(
        prog="edge_runner.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="a request folder")
    parser.add_argument("--facts", action="store_true", help="print the facts of this device as JSON")
    parser.add_argument("--check", action="store_true", help="print whether numpy and the runtimes work here")
    parser.add_argument("--python", metavar="COMMAND", help="the Python, with its emulator, that runs the items")
    parser.add_argument("--tflite-library", metavar="FILE", help="run .tflite files in this library, and nothing else")
    parser.add_argument("--emulated", action="store_true", help="the processor is emulated: no time is a latency")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    args = parser.parse_args(arguments)
    if (args.folder is not None) + args.facts + args.check != 1:
        parser.error("give a FOLDER, --facts or --check")
    children = Children(shlex.split(args.python) if args.python else [sys.executable])
    if args.tflite_library:
        os.environ[LIBRARY] = args.tflite_library

    def stop(*_):
        children.end()
        os._exit(4)

    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, stop)
    if args.until_eof:
        end_with_input(children.end)
    try:
        if args.facts:
            print(json.dumps(facts_now(children, args.emulated)))
        elif args.check:
            check(children)
        else:
            run_request(args.folder.resolve(), children, args.emulated)
    except RequestError as error:
        print(error, file=sys.stderr)
        return 2
    except (DeviceError, OSError) as error:
        room = "the disk is full, make room there: " if is_full(error) else ""
        print(room + one_line(error), file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
