"""The journal: accepted means on disk, and a torn file never passes for an acquisition."""

import errno
import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from builders_storage import CAMERA, NOON, SPECTROMETER, acquisition, frame, scan, specimen, white_reference
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_daemon.domain.errors import InputError, IntegrityError, StoreUnavailable
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel
from storage.blobs import BlobStore
from storage.facts import (
    AcceptedEntry,
    AcquisitionFacts,
    FrameFacts,
    ReferenceFacts,
    accept,
    content_hashes,
    content_sha256,
)
from storage.journal import EntryName, Journal, read_entry
from storage.journal_entry import decode_entry, encode_facts, facts_sha256

ENTRY = accept(acquisition(), 7, NOON)
FACTS, ALONE = ENTRY.facts, AcceptedEntry(ENTRY.facts, {})
ENTRY_BYTES = encode_facts(FACTS)


def opened_journal(folder) -> Journal:
    (folder / "journal").mkdir()
    (folder / "quarantine").mkdir()
    return Journal(folder / "journal", folder / "quarantine")


def blobs_of(folder) -> BlobStore:
    blobs = BlobStore(folder / "blobs")
    blobs.make_folders()
    return blobs


def test_an_entry_is_read_back_as_it_was_accepted(tmp_path):
    path = opened_journal(tmp_path).begin(ENTRY, blobs_of(tmp_path))()
    assert path.name == f"000000007-{FACTS.id}.acq"
    assert read_entry(path) == ALONE


@settings(max_examples=200, deadline=None)
@given(length=st.integers(0, len(ENTRY_BYTES) - 1))
def test_a_torn_file_is_never_read_as_an_entry(length):
    with pytest.raises(IntegrityError, match="torn or altered"):
        decode_entry(ENTRY_BYTES[:length])


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, len(ENTRY_BYTES) - 1), bit=st.integers(0, 7))
def test_an_altered_file_is_never_read_as_an_entry(position, bit):
    altered = bytearray(ENTRY_BYTES)
    altered[position] ^= 1 << bit
    with pytest.raises(IntegrityError, match="torn or altered"):
        decode_entry(bytes(altered))


def test_a_file_under_the_name_of_another_acquisition_is_refused(tmp_path):
    path = opened_journal(tmp_path).begin(ENTRY, blobs_of(tmp_path))()
    other = path.with_name(str(EntryName(8, FACTS.id)))
    path.rename(other)
    with pytest.raises(IntegrityError, match=r"000000008-.* holds 000000007-"):
        read_entry(other)


def test_a_whole_file_of_a_newer_format_is_left_to_newer_software(tmp_path):
    body = ENTRY_BYTES[:-32].replace(b"QCACQ001", b"QCACQ002", 1)
    path = opened_journal(tmp_path).begin(ENTRY, blobs_of(tmp_path))()
    path.write_bytes(body + hashlib.sha256(body).digest())
    with pytest.raises(StoreUnavailable, match=r"\.acq: journal format 'QCACQ002'; this software reads"):
        read_entry(path)


def test_an_entry_that_left_the_journal_is_none(tmp_path):
    journal = opened_journal(tmp_path)
    path = journal.begin(ENTRY, blobs_of(tmp_path))()
    journal.remove(path)
    assert read_entry(path) is None


def test_files_and_names_are_flushed_before_an_entry_is_accepted(tmp_path, monkeypatch):
    """First all bytes, then all names, the entry's after those of its contents."""
    journal, blobs = opened_journal(tmp_path), blobs_of(tmp_path)
    contents = blobs.new_files(ENTRY.contents)
    done: list[tuple[str, str]] = []
    guard = threading.Lock()
    real_fsync, real_replace = os.fsync, Path.replace

    def recording_fsync(descriptor: int) -> None:
        with guard:
            done.append(("flush", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        real_fsync(descriptor)

    def recording_replace(path: Path, target: Path) -> None:
        done.append(("name", str(target)))
        real_replace(path, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(Path, "replace", recording_replace)
    path = journal.begin(ENTRY, blobs)()
    files = [*(file.path for file in contents), path]
    count = len(files)
    assert count == 5
    assert {what for what, _ in done[:count]} == {"flush"}
    unfinished = {str(file.unfinished) for file in contents} | {f"{path}.tmp"}
    assert {place for _, place in done[:count]} == unfinished
    assert done[count : 2 * count] == [("name", str(file)) for file in files]
    assert sorted(done[2 * count :]) == sorted({("flush", str(file.parent)) for file in files})


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_write_nothing_more_is_accepted(tmp_path, monkeypatch, code):
    journal = opened_journal(tmp_path)

    def failing_fsync(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as faulty:
        faulty.setattr(os, "fsync", failing_fsync)
        with pytest.raises(StoreUnavailable, match="the acquisition is not accepted"):
            journal.begin(ENTRY, blobs_of(tmp_path))()
    assert journal.pending() == []
    assert os.strerror(code) in str(journal.stopped)
    with pytest.raises(StoreUnavailable, match="nothing is accepted until a restart"):
        journal.begin(ENTRY, blobs_of(tmp_path))()
    assert list((tmp_path / "journal").iterdir()) == []
    assert opened_again(journal, tmp_path).begin(ENTRY, blobs_of(tmp_path))().exists()


def opened_again(_stopped: Journal, folder) -> Journal:
    """A journal as the next process opens it."""
    return Journal(folder / "journal", folder / "quarantine")


def test_a_quarantined_file_is_kept_beside_its_reason(tmp_path):
    journal = opened_journal(tmp_path)
    path = journal.begin(ENTRY, blobs_of(tmp_path))()
    journal.quarantine(path, "torn")
    kept = tmp_path / "quarantine" / path.name
    assert kept.read_bytes() == ENTRY_BYTES
    assert kept.with_name(path.name + ".reason.txt").read_text() == "torn"
    assert journal.pending() == []
    assert journal.last_number() == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"specimen": specimen(position_m=float("nan"))}, "position_m is nan; expected a finite number"),
        ({"acquire_seconds": float("inf")}, "acquire_seconds is inf"),
        ({"frame": frame(um_per_pixel=float("inf"))}, "um_per_pixel is inf"),
        ({"id": "../../etc/passwd"}, "expected a UUID"),
        ({"specimen": specimen(lot="half \ud83d character")}, "cannot be stored; expected Unicode text"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_it_is_accepted(tmp_path, changes, message):
    journal = opened_journal(tmp_path)
    with pytest.raises(InputError, match=message):
        journal.begin(accept(acquisition(**changes), 1, NOON), blobs_of(tmp_path))
    assert list((tmp_path / "journal").iterdir()) == []
    assert journal.stopped is None


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        accept(acquisition(triggered_at=datetime(2026, 11, 24, 12)), 1, NOON)  # noqa: DTZ001 is the point


def test_a_moment_of_another_zone_is_kept_as_the_same_moment():
    shanghai = NOON.astimezone(timezone(timedelta(hours=8)))
    assert accept(acquisition(triggered_at=shanghai), 1, NOON).facts.triggered_at == NOON


def test_the_bytes_of_version_one_stay_what_they_are():
    """The hash of the facts is kept for years: a changed header would make old rows look altered."""
    label = DeclaredLabel("棉60% 涤纶40%", (DeclaredFibre("cotton", 60.0), DeclaredFibre("polyester", 40.0)))
    uuid = "01932f3c-7c00-7000-8000-000000000001"
    white = ReferenceFacts(uuid, "tile", "PTFE-12", "nano", "aa" * 32, "bb" * 32, SPECTROMETER, NOON)
    image = FrameFacts("cc" * 32, 640, 480, 1.7, CAMERA, NOON, 1000.25, 0)
    facts = AcquisitionFacts(
        12, NOON, uuid, Specimen("S-1", "L1", "R1", 12.5, label), SPECTROMETER, "nano", "dd" * 32, white,
        True, image, NOON, 1000.0, 0.8,
    )  # fmt: skip
    assert facts_sha256(facts) == "7c45df869086e53c12389e72952999be06ea4908608a1459bf58a82dde6dcb51"


UTC_MOMENTS = st.datetimes(timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(
    names=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS),
    figures=st.tuples(FINITE, FINITE, FINITE),
    moment=UTC_MOMENTS,
    with_white=st.booleans(),
    with_frame=st.booleans(),
    raw_bytes=st.integers(2000, 5000),
)
def test_any_acquisition_survives_the_journal(names, figures, moment, with_white, with_frame, raw_bytes):
    label = DeclaredLabel(names[3], (DeclaredFibre(names[2], figures[1]),))
    accepted = accept(
        acquisition(
            specimen=Specimen(names[0], names[1], names[2], figures[0], label),
            scan=scan(raw_bytes=raw_bytes),
            white=white_reference(tile_id=names[0]) if with_white else None,
            frame=frame() if with_frame else None,
            triggered_at=moment,
            triggered_monotonic_s=figures[2],
        ),
        1,
        moment,
    )
    assert decode_entry(encode_facts(accepted.facts)).facts == accepted.facts
    assert content_hashes(accepted.facts) == tuple(map(content_sha256, accepted.contents.values()))
