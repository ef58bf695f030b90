"""The "tpl" container of the NIRscan Nano: a type string, array lengths, packed values.

    offset  size       field
    0       3          "tpl"
    3       1          flags: bit 0 set = big-endian
    4       4          total length, padding not included
    8       n + 1      type string, ends with NUL
    then    4 each     the length of each array, one per "#" of the type string
    then               the values, packed without gaps

In a type string `c` is a byte, `j` `v` `i` `u` are 16- and 32-bit numbers (signed, unsigned), `f` is a
64-bit float, `#` makes an array, and `S(...)` and `$(...)` group without leaving a trace in the data.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qc_daemon.domain.errors import ProtocolError

_MAGIC = b"tpl"
_BIG_ENDIAN = 0x01
_PREFIX_SIZE = 8
_DTYPES = {"c": "u1", "j": "i2", "v": "u2", "i": "i4", "u": "u4", "f": "f8"}
_GROUPS = re.compile(r"[S$]\(|\)")
_UNPRINTABLE = re.compile(rb"[^ -~]")
_FIELDS = re.compile(r"(?:[cjviuf]#?)+")


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """What a container holds, and how many bytes of it are not padding.

    Attributes:
        values: one per letter of the type string, in order: a number, `bytes` for an array of
            bytes, a numpy array for any other array.
    """

    type_string: str
    values: tuple[Any, ...]
    size: int


def decode_container(blob: bytes) -> Container:
    """Decode the container at the start of `blob`; bytes behind its declared length are padding.

    Raises:
        ProtocolError: this is no container, or its lengths disagree.
    """
    if len(blob) <= _PREFIX_SIZE or not blob.startswith(_MAGIC):
        raise ProtocolError(f'expected a container that starts with "tpl", got {blob[:4]!r}')
    flags = blob[3]
    if flags & ~_BIG_ENDIAN:
        raise ProtocolError(f"container has the flags {flags:#04x}, expected 0x00 or 0x01")
    order = ">" if flags & _BIG_ENDIAN else "<"
    (size,) = struct.unpack_from(order + "I", blob, 4)
    if not _PREFIX_SIZE < size <= len(blob):
        raise ProtocolError(f"container declares {size} bytes, {len(blob)} are there")
    raw_type, _, body = blob[_PREFIX_SIZE:size].partition(b"\0")
    # Whatever a damaged container holds must fit into a message of one line.
    type_string = _UNPRINTABLE.sub(b"?", raw_type).decode("ascii")
    values = tuple(_unpack(_letters(type_string), body, order))
    return Container(type_string, values, size)


def encode_container(type_string: str, values: Sequence[Any]) -> bytes:
    """Return the bytes of a little-endian container without padding.

    Raises:
        ValueError: a number does not fit its field.
    """
    lengths: list[int] = []
    packed = bytearray()
    for (letter, is_array), value in zip(_letters(type_string), values, strict=True):
        array = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else np.asarray(value)
        if is_array:
            lengths.append(array.size)
        field = array.astype("<" + _DTYPES[letter])
        if letter != "f" and not np.array_equal(field, array):
            raise ValueError(f"{value} does not fit a container field of type {letter}")
        packed += field.tobytes()
    body = type_string.encode("ascii") + b"\0" + struct.pack(f"<{len(lengths)}I", *lengths) + bytes(packed)
    return _MAGIC + b"\0" + struct.pack("<I", _PREFIX_SIZE + len(body)) + body


def _letters(type_string: str) -> list[tuple[str, bool]]:
    """Return (letter, is array) for each field of a type string."""
    fields = _GROUPS.sub("", type_string)
    if not type_string.startswith("S(") or not _FIELDS.fullmatch(fields):
        raise ProtocolError(f'container has the type string "{type_string[:80]}", which is not understood')
    return [(match[0], match.endswith("#")) for match in re.findall(r"[cjviuf]#?", fields)]


def _unpack(letters: list[tuple[str, bool]], body: bytes, order: str) -> Iterator[Any]:
    lengths_size = 4 * sum(is_array for _, is_array in letters)
    if len(body) < lengths_size:
        raise ProtocolError("container ends within its array lengths")
    lengths = iter(struct.unpack_from(f"{order}{lengths_size // 4}I", body))
    offset = lengths_size
    for letter, is_array in letters:
        dtype = np.dtype(order + _DTYPES[letter])
        count = next(lengths) if is_array else 1
        end = offset + count * dtype.itemsize
        if end > len(body):
            raise ProtocolError(f"container declares values of {end} bytes, {len(body)} are there")
        field = body[offset:end]
        offset = end
        if not is_array:
            yield np.frombuffer(field, dtype)[0].item()
        else:
            yield field if letter == "c" else np.frombuffer(field, dtype)
    if offset != len(body):
        raise ProtocolError(f"container has {len(body)} bytes of values, its fields take {offset}")
