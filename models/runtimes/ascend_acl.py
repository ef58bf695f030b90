"""An Ascend 310 through pyACL: serves the compiled `model.om` beside a checkpoint.

Written from the pyACL pages of CANN 5.0.4 to 8.0.0 (hiascend.com, `aclpythondevg_01_*`) and tested
against a stand-in that keeps their rules; no 310 has run it (docs/models.md). What the pages ask for
and what happens here:

- Memory, descriptions, data sets, context and device are given back in reverse order, also when
  opening fails halfway, and a failed release does not stop those after it.
- A context belongs to a thread, so each request and the closing set it first.
- On a card in a host (run mode 1) arrays are copied between host and device; on a board whose own
  processor runs this (run mode 0) all memory is the device's.
- Sizes, shapes and data types of the compiled model are compared with the manifest. Names are not:
  the compiler renames outputs. Order among outputs of one shape is what the golden outputs prove.
"""

import importlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.runtimes.runtime import Tensors
from models.sealed_folder import TensorSpec
from qc_daemon.domain.errors import CheckpointError, InferenceUnavailable

# Values of pyACL's enumerations, which it does not export by name.
_RUN_MODE_HOST = 1  # aclrtRunMode
_HOST_TO_DEVICE, _DEVICE_TO_HOST, _DEVICE_TO_DEVICE = 1, 2, 3  # aclrtMemcpyKind
_NORMAL_PAGES = 2  # ACL_MEM_MALLOC_NORMAL_ONLY: no buffer here reaches the megabyte of a huge page
# aclDataType
_DTYPES = {0: "float32", 1: "float16", 3: "int32", 4: "uint8", 9: "int64", 12: "bool"}
# What the first digit of a six-digit code means (page aclError).
_CAUSES = {
    1: "a wrong environment or call",
    2: "too little memory or another resource of the device",
    3: "a service that is not ready",
    5: "an internal fault of device or driver",
}


@dataclass(frozen=True, slots=True)
class _Buffer:
    """Memory of the device for one input or output: address and size in bytes."""

    spec: TensorSpec
    address: int
    size: int


class AscendAclRuntime:
    """One compiled model on one device. The process that opens it may open no other."""

    def __init__(
        self, om: Path, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], device: int = 0
    ) -> None:
        """Take the device and load the model.

        Raises:
            CheckpointError: there is no such file, or it is a model with other inputs or outputs.
            InferenceUnavailable: there is no pyACL, or a call of it failed; the message names call and code.
        """
        if not om.is_file():
            raise CheckpointError(
                f"{om}: not found; expected what atc compiles (qc-daemon models export NAME --format om)"
            )
        self._acl = _import_acl()
        self._om, self._device = om, device
        self._failed_releases: list[str] = []
        with ExitStack() as stack:
            self._take_device(stack)
            model = self._load(stack)
            self._input_set, self._inputs = self._buffers(stack, model, "input", inputs)
            self._output_set, self._outputs = self._buffers(stack, model, "output", outputs)
            self._resources = stack.pop_all()
        self._open = True

    def infer(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name."""
        if not self._open:
            raise InferenceUnavailable(f"{self._om}: the runtime was closed")
        self._run("rt.set_context", self._context)
        for buffer in self._inputs:
            self._write(buffer, inputs)
        self._run("mdl.execute", self._model, self._input_set, self._output_set)
        return {buffer.spec.name: self._read(buffer) for buffer in self._outputs}

    def describe(self) -> str:
        """Name the runtime and the device."""
        return f"pyACL, Ascend device {self._device}, {self._om.name}"

    def close(self) -> None:
        """Give everything back, from any thread; twice is once.

        Raises:
            InferenceUnavailable: something could not be given back; the rest was.
        """
        if not self._open:
            return
        self._open = False
        self._release("rt.set_context", self._context)
        self._resources.close()
        if self._failed_releases:
            raise InferenceUnavailable(f"pyACL: {', '.join(self._failed_releases)} while closing {self._om}")

    def _take_device(self, stack: ExitStack) -> None:
        self._run("init")
        stack.callback(self._release, "finalize")
        self._run("rt.set_device", self._device)
        stack.callback(self._release, "rt.reset_device", self._device)
        self._context: int = self._get("rt.create_context", self._device)
        stack.callback(self._release, "rt.destroy_context", self._context)
        on_host = self._get("rt.get_run_mode") == _RUN_MODE_HOST
        self._copy_in = _HOST_TO_DEVICE if on_host else _DEVICE_TO_DEVICE
        self._copy_out = _DEVICE_TO_HOST if on_host else _DEVICE_TO_DEVICE

    def _load(self, stack: ExitStack) -> int:
        """Load the model; return the handle of its description."""
        self._model: int = self._get("mdl.load_from_file", str(self._om))
        stack.callback(self._release, "mdl.unload", self._model)
        description = self._made("mdl.create_desc")
        stack.callback(self._release, "mdl.destroy_desc", description)
        self._run("mdl.get_desc", description, self._model)
        return description

    def _buffers(
        self, stack: ExitStack, model: int, way: str, specs: Sequence[TensorSpec]
    ) -> tuple[int, list[_Buffer]]:
        """Return a data set with memory for every input or output, and that memory."""
        count = self._call(f"mdl.get_num_{way}s")(model)
        if count != len(specs):
            raise CheckpointError(f"{self._om}: has {count} {way}s, expected {len(specs)} by the manifest")
        data_set = self._made("mdl.create_dataset")
        stack.callback(self._release, "mdl.destroy_dataset", data_set)
        buffers = []
        for index, spec in enumerate(specs):
            size = self._checked_size(model, way, index, spec)
            address: int = self._get("rt.malloc", size, _NORMAL_PAGES)
            stack.callback(self._release, "rt.free", address)
            data = self._made("create_data_buffer", address, size)
            stack.callback(self._release, "destroy_data_buffer", data)
            self._get("mdl.add_dataset_buffer", data_set, data)
            buffers.append(_Buffer(spec, address, size))
        return data_set, buffers

    def _checked_size(self, model: int, way: str, index: int, spec: TensorSpec) -> int:
        """Return the bytes of an input or output, if shape, data type and size are those of the manifest."""
        dims = self._get(f"mdl.get_{way}_dims", model, index)
        shape = tuple(dims["dims"][: dims["dimCount"]])
        code = self._call(f"mdl.get_{way}_data_type")(model, index)
        dtype = _DTYPES.get(code, f"data type {code}")
        size: int = self._call(f"mdl.get_{way}_size_by_index")(model, index)
        expected = int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize
        if (shape, dtype, size) != (spec.shape, spec.dtype, expected):
            raise CheckpointError(
                f"{self._om}: {way} {index} is {dtype} {shape} of {size} bytes, expected {spec.name}: "
                f"{spec.dtype} {spec.shape} of {expected} bytes"
            )
        return size

    def _write(self, buffer: _Buffer, inputs: Tensors) -> None:
        """Copy one input to the device."""
        spec = buffer.spec
        array = inputs.get(spec.name)
        if array is None or array.shape != spec.shape:
            found = "nothing" if array is None else f"shape {array.shape}"
            raise InferenceUnavailable(f"pyACL: input {spec.name} is {found}, expected shape {spec.shape}")
        content = np.ascontiguousarray(array, dtype=spec.dtype).tobytes()  # has to outlive its address
        source = self._call("util.bytes_to_ptr")(content)
        self._run("rt.memcpy", buffer.address, buffer.size, source, len(content), self._copy_in)

    def _read(self, buffer: _Buffer) -> NDArray[np.float32]:
        """Copy one output from the device."""
        content = bytes(buffer.size)  # new memory that pyACL may write to; its pages do it this way
        target = self._call("util.bytes_to_ptr")(content)
        self._run("rt.memcpy", target, buffer.size, buffer.address, buffer.size, self._copy_out)
        values = np.frombuffer(content, dtype=buffer.spec.dtype).reshape(buffer.spec.shape)
        return values.astype(np.float32)

    def _call(self, name: str) -> Callable[..., Any]:
        """Return a function of pyACL by its name below `acl`."""
        found: Any = self._acl
        for part in name.split("."):
            found = getattr(found, part)
        function: Callable[..., Any] = found
        return function

    def _run(self, name: str, *arguments: object) -> None:
        """Make a call that returns its code alone."""
        self._require_success(name, self._call(name)(*arguments))

    def _get(self, name: str, *arguments: object) -> Any:
        """Make a call that returns a value and its code."""
        value, code = self._call(name)(*arguments)
        self._require_success(name, code)
        return value

    def _made(self, name: str, *arguments: object) -> int:
        """Make a call that returns a handle, 0 if there is none."""
        handle: int = self._call(name)(*arguments)
        if not handle:
            raise InferenceUnavailable(f"pyACL: acl.{name} made nothing for {self._om}")
        return handle

    def _require_success(self, name: str, code: int) -> None:
        if code:
            cause = _CAUSES.get(code // 100_000, "an unknown cause")
            raise InferenceUnavailable(f"pyACL: acl.{name} returned {code} for {self._om} ({cause})")

    def _release(self, name: str, *arguments: object) -> None:
        """Make a call that gives something back; remember its failure and go on."""
        code = self._call(name)(*arguments)
        if code:
            self._failed_releases.append(f"acl.{name} returned {code}")


def _import_acl() -> Any:
    try:
        return importlib.import_module("acl")
    except ImportError as error:
        raise InferenceUnavailable(
            f"pyACL cannot be imported ({error}); expected CANN 8.0.0 and its set_env.sh in this shell"
        ) from error
