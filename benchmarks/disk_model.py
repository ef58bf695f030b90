"""What a disk may hold after a power cut, by the calls that were made before it.

Only what was flushed is sure: the bytes of a file by an fsync of the file, a name by an fsync of its folder.
Of the rest any part may arrive, in any order, and the last write may arrive in part. File systems do better
than that; a promise that holds here holds on them.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

_SECTOR_BYTES = 512
_LINE = re.compile(r"(\d+)\s+(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
_RETURNED = re.compile(r"\)\s+=\s+(-?\d+)(?:<[^>]*>)?[^=]*$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(\d+)<([^>]*)>")
_UNFINISHED = " <unfinished ...>"
_NOT_ON_DISK = "-shm"  # SQLite's index of the write-ahead log, which it rebuilds


class Loss(StrEnum):
    """What becomes of all that was not flushed."""

    DROPPED = "all dropped"
    TORN = "all arrived, the last write torn"
    MIXED = "some arrived"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that succeeded.

    Attributes:
        what: "open" (`length` 0 if it truncates), "write", "truncate", "flush", "rename", "unlink", "mkdir".
        path: what it is about; of a write to no file of the folder, empty.
        target: new name of a rename.
        offset: of a write.
        length: of a truncation; -1 for an open that truncates nothing.
    """

    what: str
    path: Path
    target: Path = Path()
    descriptor: int = -1
    data: bytes = b""
    offset: int = 0
    length: int = -1


@dataclass(slots=True)
class _File:
    """The bytes of a file: what is sure, and the writes (or truncations, without data) after that."""

    flushed: bytes = b""
    pending: list[Call] = field(default_factory=list)


class Disk:
    """A folder and all that is on its way to the disk.

    Args:
        before: content by path at the beginning, all flushed; None for folders.
    """

    def __init__(self, before: Mapping[Path, bytes | None]) -> None:
        self._names: dict[Path, _File | None] = {
            path: None if content is None else _File(content) for path, content in before.items()
        }
        self._flushed_names = dict(self._names)
        self._last_write: Call | None = None

    def do(self, call: Call) -> None:
        """Do a call."""
        file = self._names.get(call.path)
        if call.what == "open" and file is None:
            self._names[call.path] = _File()
        elif call.what == "mkdir":
            self._names[call.path] = None
        elif call.what == "unlink":
            self._names.pop(call.path, None)
        elif call.what == "rename":
            self._names[call.target] = self._names.pop(call.path)
        elif call.what == "flush":
            self._flush(call.path)
        if file is not None and (call.what in ("write", "truncate") or call.length == 0):
            file.pending.append(call)
        self._last_write = call if call.what == "write" and file is not None else None

    def leave(self, old: Path, new: Path, loss: Loss, dice: random.Random) -> None:
        """Write the folder `old` into `new` as the disk holds it after the cut."""
        new.mkdir()
        names = self._names_left(loss, dice)
        for path in sorted(names):
            file, place = names[path], new / path.relative_to(old)
            if not place.parent.is_dir():
                continue  # its folder did not arrive
            if file is None:
                place.mkdir()
            else:
                place.write_bytes(self._content_left(file, loss, dice))

    def _flush(self, path: Path) -> None:
        file = self._names.get(path)
        if file is not None:
            file.flushed = _content(file.flushed, file.pending)
            file.pending = []
            return
        for names in (self._names, self._flushed_names):
            for name in [one for one in names if one.parent == path]:
                if name in self._names:
                    self._flushed_names[name] = self._names[name]
                else:
                    del self._flushed_names[name]

    def _names_left(self, loss: Loss, dice: random.Random) -> dict[Path, _File | None]:
        if loss is Loss.DROPPED:
            return self._flushed_names
        if loss is Loss.TORN:
            return self._names
        left: dict[Path, _File | None] = {}
        for path in sorted(self._names.keys() | self._flushed_names.keys()):
            names = dice.choice((self._names, self._flushed_names))
            if path in names:
                left[path] = names[path]
        return left

    def _content_left(self, file: _File, loss: Loss, dice: random.Random) -> bytes:
        if loss is Loss.DROPPED:
            return file.flushed
        writes = [call for call in file.pending if loss is Loss.TORN or dice.random() < 0.5]
        if writes and writes[-1].data and (loss is Loss.MIXED or writes[-1] is self._last_write):
            writes[-1] = _torn(writes[-1], dice)
        return _content(file.flushed, writes)


def parse_calls(lines: Iterable[str], folder: Path) -> Iterator[Call]:
    """Yield the calls about a folder, and writes to stdout, from what `strace -f -y -xx` wrote."""
    offsets: dict[int, int] = {}
    for name, text in _whole_lines(lines):
        returned = _RETURNED.search(text)
        if returned is None or int(returned[1]) < 0:
            continue
        arguments, result = text[: returned.start()], int(returned[1])
        if name == "openat":
            offsets[result] = 0
        elif name == "lseek":
            offsets[int(arguments.split("<")[0])] = result
            continue
        call = _call(name, arguments, result, offsets)
        is_ours = call.path.is_relative_to(folder) and not call.path.name.endswith(_NOT_ON_DISK)
        if is_ours or (name == "write" and call.descriptor == 1):
            yield call


def _whole_lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and rest of each call; those that others interrupted are put together, where they end."""
    begun: dict[str, str] = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        process, resumed, name, rest = match.groups()
        if rest.endswith(_UNFINISHED):
            begun[process] = rest.removesuffix(_UNFINISHED)
        elif resumed:
            yield resumed, begun.pop(process, "") + rest
        else:
            yield name, rest


def _call(name: str, arguments: str, result: int, offsets: dict[int, int]) -> Call:
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(arguments)]
    if name in ("write", "pwrite64", "ftruncate", "fsync", "fdatasync"):
        return _file_call(name, arguments, texts, result, offsets)
    path = Path(texts[0].decode())
    if name == "openat":
        creates, truncates = "O_CREAT" in arguments, "O_TRUNC" in arguments
        return Call("open" if creates else "look", path, length=0 if truncates else -1)
    if name.startswith("rename"):
        return Call("rename", path, Path(texts[1].decode()))
    return Call("mkdir" if name.startswith("mkdir") else "unlink", path)


def _file_call(name: str, arguments: str, texts: list[bytes], result: int, offsets: dict[int, int]) -> Call:
    match = _DESCRIPTOR.match(arguments)
    if match is None:
        return Call(name, Path())
    descriptor, path = int(match[1]), Path(_shown(match[2]))
    numbers = [int(word) for word in re.findall(r", (\d+)", arguments)]
    if name in ("fsync", "fdatasync"):
        return Call("flush", path)
    if name == "ftruncate":
        return Call("truncate", path, length=numbers[-1])
    offset = numbers[-1] if name == "pwrite64" else offsets.get(descriptor, 0)
    if name == "write":
        offsets[descriptor] = offset + result
    return Call("write", path, descriptor=descriptor, data=texts[0][:result], offset=offset)


def _shown(path: str) -> str:
    """Return a path that may be written in hexadecimal escapes."""
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


def _content(flushed: bytes, calls: Iterable[Call]) -> bytes:
    content = bytearray(flushed)
    for call in calls:
        if call.what == "write":
            content.extend(bytes(max(call.offset - len(content), 0)))
            content[call.offset : call.offset + len(call.data)] = call.data
        else:
            content = content[: call.length].ljust(call.length, b"\0")
    return bytes(content)


def _torn(call: Call, dice: random.Random) -> Call:
    """Return a write of which whole sectors arrived, fewer than all."""
    kept = _SECTOR_BYTES * dice.randrange(-(-len(call.data) // _SECTOR_BYTES))
    return Call("write", call.path, descriptor=call.descriptor, data=call.data[:kept], offset=call.offset)
