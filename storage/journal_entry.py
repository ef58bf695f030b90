"""The bytes of a journal file.

    magic and version   8 bytes, "QCACQ001"
    header              u32 length, then the facts as JSON (UTF-8, keys sorted)
    each content        u64 length, then the bytes as the instrument sent them
    trailer             32 bytes, SHA-256 of everything before it

Numbers are big-endian. The header names contents by SHA-256, so its own hash stands for the whole
acquisition: it is kept beside the database row and can be computed again from it. Contents are blobs;
only journals of earlier software hold some themselves.
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from qc_daemon.domain.errors import InputError, IntegrityError, StoreUnavailable
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel
from qc_daemon.domain.spectrum import InstrumentIdentity
from storage.facts import AcceptedEntry, AcquisitionFacts, FrameFacts, ReferenceFacts, content_sha256
from storage.timestamps import utc_moment, utc_text

_MAGIC = b"QCACQ001"
_HEADER_LENGTH = struct.Struct(">I")
_CONTENT_LENGTH = struct.Struct(">Q")
_TRAILER_BYTES = hashlib.sha256().digest_size


def encode_facts(facts: AcquisitionFacts) -> bytes:
    """Return the journal file of facts whose contents are blobs.

    Raises:
        InputError: its text is not Unicode.
    """
    header = _header(facts)
    body = _MAGIC + _HEADER_LENGTH.pack(len(header)) + header
    return body + hashlib.sha256(body).digest()


def decode_entry(data: bytes) -> AcceptedEntry:
    """Return the entry of a journal file, with those contents that it holds itself.

    Raises:
        IntegrityError: the file is torn or altered.
        StoreUnavailable: the file is whole, but a newer software wrote it.
    """
    body, trailer = data[:-_TRAILER_BYTES], data[-_TRAILER_BYTES:]
    if hashlib.sha256(body).digest() != trailer:
        raise IntegrityError(f"torn or altered: its {len(data)} bytes do not match their SHA-256")
    if body[: len(_MAGIC)] != _MAGIC:
        version = body[: len(_MAGIC)].decode("ascii", "replace")
        raise StoreUnavailable(f"journal format {version!a}; this software reads {_MAGIC.decode()!a}")
    start = len(_MAGIC) + _HEADER_LENGTH.size
    (length,) = _HEADER_LENGTH.unpack_from(body, len(_MAGIC))
    facts = _facts(json.loads(body[start : start + length]))
    contents = _contents(body, start + length)
    return AcceptedEntry(facts, {content_sha256(content): content for content in contents})


def facts_sha256(facts: AcquisitionFacts) -> str:
    """Return the hash that stands for an accepted acquisition, contents included."""
    return hashlib.sha256(_header(facts)).hexdigest()


def _contents(body: bytes, start: int) -> Iterator[bytes]:
    while start < len(body):
        (length,) = _CONTENT_LENGTH.unpack_from(body, start)
        start += _CONTENT_LENGTH.size
        yield body[start : start + length]
        start += length


def _header(facts: AcquisitionFacts) -> bytes:
    text = json.dumps(
        facts,
        default=_plain,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.end]
        raise InputError(
            f"acquisition of specimen {facts.specimen.id!a}: {bad!a} cannot be stored; expected Unicode text"
        ) from error


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return utc_text(value)
    kind: Any = type(value)
    return {name: getattr(value, name) for name in _field_names(kind)}


@lru_cache
def _field_names(record: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


def _facts(header: dict[str, Any]) -> AcquisitionFacts:
    white, frame = header.pop("white"), header.pop("frame")
    return AcquisitionFacts(
        **header
        | {
            "accepted_at": utc_moment(header["accepted_at"]),
            "triggered_at": utc_moment(header["triggered_at"]),
            "specimen": _specimen(header["specimen"]),
            "spectrometer": InstrumentIdentity(**header["spectrometer"]),
            "white": _reference(white) if white else None,
            "frame": _frame(frame) if frame else None,
        }
    )


def _specimen(fields: dict[str, Any]) -> Specimen:
    label = fields["label"]
    if label is not None:
        label = DeclaredLabel(label["text"], tuple(DeclaredFibre(**line) for line in label["fibres"]))
    return Specimen(**fields | {"label": label})


def _reference(fields: dict[str, Any]) -> ReferenceFacts:
    instrument = InstrumentIdentity(**fields["instrument"])
    return ReferenceFacts(**fields | {"instrument": instrument, "taken_at": utc_moment(fields["taken_at"])})


def _frame(fields: dict[str, Any]) -> FrameFacts:
    camera = InstrumentIdentity(**fields["camera"])
    return FrameFacts(**fields | {"camera": camera, "captured_at": utc_moment(fields["captured_at"])})
