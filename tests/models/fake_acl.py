"""A stand-in for the module `acl` that keeps pyACL's documented rules and computes with onnxruntime.

Written from the reference pages (hiascend.com, CANN 5.0.4 to 8.0.0, `aclpythondevg_01_*` and the
page aclError), not from the runtime that it tests:

- nothing works before `init`, and `init` works once;
- a thread that made a context or set one has it; every call on memory or a model needs one;
- a model is loaded, executed and unloaded in one context;
- memory, buffers, data sets and descriptions are handles that live from their making to their
  destruction, each of one kind; what breaks that is refused and noted in `violations`;
- a copy stays within both memories, and its kind says where they are;
- `bytes_to_ptr` gives an address that is good only as long as its bytes are.

`leaks()` tells what was not given back. `fail(...)` makes a call return a code. A "compiled" model is
an ONNX file; it runs in emulated half precision, as the device would.
"""

import ctypes
import itertools
import sys
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from models.ascend_half_precision import HalfPrecisionRuntime

OK = 0
INVALID_PARAM, UNINITIALIZE, REPEAT_INITIALIZE, INVALID_FILE = 100000, 100001, 100002, 100003
INVALID_MODEL_ID = 100011
RT_PARAM_INVALID, RT_INVALID_DEVICEID, RT_CONTEXT_NULL, RT_MODEL_CONTEXT = 107000, 107001, 107002, 107004
GE_PARAM_INVALID = 145000
RT_MEMORY_ALLOCATION = 207001
HOST_TO_HOST, HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE = 0, 1, 2, 3
DEVICE_MODE, HOST_MODE = 0, 1
_ONNX_TO_ACL = {1: 0, 10: 1, 6: 3, 7: 9, 9: 12}
# What a function returns: a value and a code; a value alone, 0 for none; all others a code alone.
_PAIRS = {
    "rt.create_context", "rt.get_run_mode", "rt.malloc", "mdl.load_from_file", "mdl.get_input_dims",
    "mdl.get_output_dims", "mdl.add_dataset_buffer",
}  # fmt: skip
_BARE = {
    "create_data_buffer", "util.bytes_to_ptr", "mdl.create_desc", "mdl.create_dataset", "mdl.get_num_inputs",
    "mdl.get_num_outputs", "mdl.get_input_size_by_index", "mdl.get_output_size_by_index",
    "mdl.get_input_data_type", "mdl.get_output_data_type",
}  # fmt: skip


@dataclass
class Model:
    context: int
    runtime: HalfPrecisionRuntime
    inputs: list[tuple[str, list[int], int]]
    outputs: list[tuple[str, list[int], int]]


@dataclass
class Handle:
    kind: str
    content: Any
    items: list[int] = field(default_factory=list)


class FakeAcl:
    """Put it into `sys.modules["acl"]`."""

    def __init__(self, run_mode: int = HOST_MODE, devices: int = 1, device_bytes: int = 1 << 30) -> None:
        self.violations: list[str] = []
        self.calls: list[str] = []
        self._run_mode, self._devices, self._device_bytes = run_mode, devices, device_bytes
        self._ready = False
        self._set_devices: list[int] = []
        self._contexts: dict[int, int] = {}
        self._thread = threading.local()
        self._handles: dict[int, Handle] = {}
        self._models: dict[int, Model] = {}
        self._memory: dict[int, bytearray] = {}
        self._host: dict[int, bytes] = {}
        self._numbers = itertools.count(0x7000_0000_0000, 0x100_0000)
        self._failures: dict[str, dict[int, int]] = {}
        self._counts: dict[str, int] = {}
        self._publish()

    def fail(self, name: str, code: int, call: int = 1) -> None:
        """Let the `call`-th call of a function return `code` and do nothing."""
        self._failures.setdefault(name, {})[call] = code

    def leaks(self) -> list[str]:
        """Return what is still held."""
        held = [f"{handle.kind} {number:x}" for number, handle in self._handles.items()]
        held += [f"memory {address:x}" for address in self._memory]
        held += [f"model {number}" for number in self._models]
        held += [f"context {number:x}" for number in self._contexts]
        held += [f"device {number}" for number in self._set_devices]
        return held + (["acl itself"] if self._ready else [])

    def _publish(self) -> None:
        """Give each function its place, watched: `_rt_malloc` becomes `rt.malloc`."""
        plain = ("init", "finalize", "create_data_buffer", "destroy_data_buffer")
        for name in plain:
            setattr(self, name, self._watched(name, getattr(self, f"_{name}")))
        for group in ("rt", "mdl", "util"):
            prefix = f"_{group}_"
            members = [name for name in dir(type(self)) if name.startswith(prefix)]
            space = {
                name.removeprefix(prefix): self._watched(
                    f"{group}.{name.removeprefix(prefix)}", getattr(self, name)
                )
                for name in members
            }
            setattr(self, group, SimpleNamespace(**space))

    def _watched(self, name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            self._counts[name] = self._counts.get(name, 0) + 1
            code = self._failures.get(name, {}).get(self._counts[name], OK)
            if code == OK and not self._ready and name not in {"init", "finalize"}:
                code = UNINITIALIZE
            if code != OK:
                return 0 if name in _BARE else (0, code) if name in _PAIRS else code
            return function(*arguments)

        return call

    # System

    def _init(self) -> int:
        if self._ready:
            return REPEAT_INITIALIZE
        self._ready = True
        return OK

    def _finalize(self) -> int:
        if not self._ready:
            return self._violation("finalize without init", UNINITIALIZE)
        if self._set_devices:
            self._violation("finalize before reset_device", OK)
        self._ready = False
        return OK

    # Device, context, memory

    def _rt_set_device(self, device: int) -> int:
        if not 0 <= device < self._devices:
            return RT_INVALID_DEVICEID
        self._set_devices.append(device)
        return OK

    def _rt_reset_device(self, device: int) -> int:
        if device not in self._set_devices:
            return self._violation(f"reset_device({device}) without set_device", RT_INVALID_DEVICEID)
        if device in self._contexts.values():
            self._violation("reset_device before destroy_context", OK)
        self._set_devices.remove(device)
        return OK

    def _rt_create_context(self, device: int) -> tuple[Any, int]:
        if not 0 <= device < self._devices:
            return 0, RT_INVALID_DEVICEID
        number = next(self._numbers)
        self._contexts[number] = device
        self._thread.context = number
        return number, OK

    def _rt_set_context(self, context: int) -> int:
        if context not in self._contexts:
            return self._violation("set_context of no living context", RT_PARAM_INVALID)
        self._thread.context = context
        return OK

    def _rt_destroy_context(self, context: int) -> int:
        if self._contexts.pop(context, None) is None:
            return self._violation("destroy_context of no living context", RT_PARAM_INVALID)
        if self._models:
            self._violation("destroy_context before unload", OK)
        return OK

    def _rt_get_run_mode(self) -> tuple[Any, int]:
        return self._run_mode, OK

    def _rt_malloc(self, size: int, policy: int) -> tuple[Any, int]:
        if self._context() is None:
            return 0, RT_CONTEXT_NULL
        if size <= 0 or policy not in {0, 1, 2}:
            return 0, RT_PARAM_INVALID
        if size + sum(map(len, self._memory.values())) > self._device_bytes:
            return 0, RT_MEMORY_ALLOCATION
        address = next(self._numbers)
        self._memory[address] = bytearray(b"\xa5" * size)  # memory of a device is not zeroed
        return address, OK

    def _rt_free(self, address: int) -> int:
        if self._context() is None:
            return self._violation("free without a context", RT_CONTEXT_NULL)
        if self._memory.pop(address, None) is None:
            return self._violation("free of no living memory", RT_PARAM_INVALID)
        return OK

    def _rt_memcpy(self, target: int, target_size: int, source: int, count: int, kind: int) -> int:
        if self._context() is None:
            return RT_CONTEXT_NULL
        if kind != self._kind(source, target):
            return self._violation(f"memcpy of kind {kind}", RT_PARAM_INVALID)
        content = self._content(source)
        space = self._content(target)
        if content is None or space is None:
            return self._violation("memcpy with an address behind which nothing lives", RT_PARAM_INVALID)
        if count > target_size or target_size > len(space) or count > len(content):
            return self._violation(f"memcpy of {count} bytes leaves its memory", RT_PARAM_INVALID)
        if isinstance(space, bytearray):
            space[:count] = content[:count]
        else:
            ctypes.memmove(target, bytes(content[:count]), count)
        return OK

    def _kind(self, source: int, target: int) -> int:
        if self._run_mode == DEVICE_MODE:
            return DEVICE_TO_DEVICE
        return {
            (False, False): HOST_TO_HOST, (False, True): HOST_TO_DEVICE,
            (True, False): DEVICE_TO_HOST, (True, True): DEVICE_TO_DEVICE,
        }[source in self._memory, target in self._memory]  # fmt: skip

    def _content(self, address: int) -> "bytes | bytearray | None":
        if address in self._memory:
            return self._memory[address]
        content = self._host.get(address)
        # Held by this table, the local name and the argument of getrefcount alone: the caller let go of it.
        if content is not None and sys.getrefcount(content) <= 3:
            return None
        return content

    def _util_bytes_to_ptr(self, content: bytes) -> int:
        if not isinstance(content, bytes):
            raise TypeError("expected bytes")
        address = ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p).value
        assert address is not None
        self._host = {address: content} if len(self._host) > 64 else {**self._host, address: content}
        return address

    # Models

    def _mdl_load_from_file(self, path: str) -> tuple[Any, int]:
        context = self._context()
        if context is None:
            return 0, RT_CONTEXT_NULL
        try:
            model = onnx.load(path)
        except FileNotFoundError:
            return 0, INVALID_FILE
        except DecodeError:  # bytes that are no model: the device gives a code for it, and so does this
            return 0, GE_PARAM_INVALID
        runtime = HalfPrecisionRuntime(model)
        number = len(self.calls)
        inputs = [_described(value) for value in model.graph.input]
        outputs = [_described(value) for value in model.graph.output]
        self._models[number] = Model(context, runtime, inputs, outputs)
        return number, OK

    def _mdl_unload(self, model: int) -> int:
        found = self._models.get(model)
        if found is None:
            return self._violation("unload of no living model", INVALID_MODEL_ID)
        if found.context != self._context():
            return self._violation("unload in another context", RT_MODEL_CONTEXT)
        del self._models[model]
        return OK

    def _mdl_create_desc(self) -> int:
        return self._new("description", None)

    def _mdl_destroy_desc(self, description: int) -> int:
        return self._destroy("description", description)

    def _mdl_get_desc(self, description: int, model: int) -> int:
        handle = self._living("description", description)
        if handle is None or model not in self._models:
            return INVALID_PARAM
        handle.content = self._models[model]
        return OK

    def _mdl_get_num_inputs(self, description: int) -> int:
        return len(self._tensors(description, "inputs"))

    def _mdl_get_num_outputs(self, description: int) -> int:
        return len(self._tensors(description, "outputs"))

    def _mdl_get_input_size_by_index(self, description: int, index: int) -> int:
        return _bytes_of(self._tensors(description, "inputs")[index])

    def _mdl_get_output_size_by_index(self, description: int, index: int) -> int:
        return _bytes_of(self._tensors(description, "outputs")[index])

    def _mdl_get_input_data_type(self, description: int, index: int) -> int:
        return _ONNX_TO_ACL.get(self._tensors(description, "inputs")[index][2], -1)

    def _mdl_get_output_data_type(self, description: int, index: int) -> int:
        return _ONNX_TO_ACL.get(self._tensors(description, "outputs")[index][2], -1)

    def _mdl_get_input_dims(self, description: int, index: int) -> tuple[Any, int]:
        name, dims, _ = self._tensors(description, "inputs")[index]
        return {"name": name, "dimCount": len(dims), "dims": dims}, OK

    def _mdl_get_output_dims(self, description: int, index: int) -> tuple[Any, int]:
        name, dims, _ = self._tensors(description, "outputs")[index]
        return {"name": f"PartitionedCall_{index}:0:{name}", "dimCount": len(dims), "dims": dims}, OK

    def _mdl_create_dataset(self) -> int:
        return self._new("data set", None)

    def _mdl_destroy_dataset(self, data_set: int) -> int:
        return self._destroy("data set", data_set)

    def _mdl_add_dataset_buffer(self, data_set: int, buffer: int) -> tuple[Any, int]:
        handle = self._living("data set", data_set)
        if handle is None or self._living("data buffer", buffer) is None:
            return data_set, INVALID_PARAM
        handle.items.append(buffer)
        return data_set, OK

    def _create_data_buffer(self, address: int, size: int) -> int:
        return self._new("data buffer", (address, size))

    def _destroy_data_buffer(self, buffer: int) -> int:
        return self._destroy("data buffer", buffer)

    def _mdl_execute(self, model: int, inputs: int, outputs: int) -> int:
        found = self._models.get(model)
        if found is None:
            return self._violation("execute of no living model", INVALID_MODEL_ID)
        if self._context() is None:
            return RT_CONTEXT_NULL
        if found.context != self._context():
            return RT_MODEL_CONTEXT
        given, wanted = self._memories(inputs), self._memories(outputs)
        if [len(memory) for memory in given] != [_bytes_of(one) for one in found.inputs]:
            return GE_PARAM_INVALID
        if [len(memory) for memory in wanted] != [_bytes_of(one) for one in found.outputs]:
            return GE_PARAM_INVALID
        feeds = {
            name: np.frombuffer(bytes(memory), np.float32).reshape(dims)
            for (name, dims, _), memory in zip(found.inputs, given, strict=True)
        }
        answers = found.runtime.infer(feeds)
        for (name, _, _), memory in zip(found.outputs, wanted, strict=True):
            memory[:] = np.ascontiguousarray(answers[name]).tobytes()
        return OK

    # The rules of handles

    def _memories(self, data_set: int) -> list[bytearray]:
        handle = self._living("data set", data_set)
        buffers = [self._living("data buffer", item) for item in handle.items] if handle else []
        return [self._memory.get(one.content[0], bytearray()) for one in buffers if one]

    def _tensors(self, description: int, way: str) -> list[tuple[str, list[int], int]]:
        handle = self._living("description", description)
        return getattr(handle.content, way) if handle and handle.content else []

    def _new(self, kind: str, content: Any) -> int:
        number = next(self._numbers)
        self._handles[number] = Handle(kind, content)
        return number

    def _living(self, kind: str, number: int) -> Handle | None:
        handle = self._handles.get(number)
        if handle is None or handle.kind != kind:
            self._violation(f"use of no living {kind}", OK)
            return None
        return handle

    def _destroy(self, kind: str, number: int) -> int:
        if self._living(kind, number) is None:
            return INVALID_PARAM
        del self._handles[number]
        return OK

    def _context(self) -> int | None:
        context: int | None = getattr(self._thread, "context", None)
        return context if context in self._contexts else None

    def _violation(self, what: str, code: int) -> int:
        self.violations.append(what)
        return code


def _described(value: onnx.ValueInfoProto) -> tuple[str, list[int], int]:
    tensor = value.type.tensor_type
    return value.name, [dim.dim_value for dim in tensor.shape.dim], tensor.elem_type


def _bytes_of(tensor: tuple[str, list[int], int]) -> int:
    _, dims, elem_type = tensor
    return int(np.prod(dims)) * onnx.helper.tensor_dtype_to_np_dtype(elem_type).itemsize
