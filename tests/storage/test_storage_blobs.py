"""Content-addressed files."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_daemon.domain.errors import IntegrityError, StoreUnavailable
from storage.blobs import BlobStore
from storage.facts import content_sha256


@settings(max_examples=25, deadline=None)
@given(content=st.binary(max_size=2000))
def test_every_content_comes_back_as_it_went_in(content, tmp_path_factory):
    blobs = BlobStore(tmp_path_factory.mktemp("blobs"))
    blobs.put([content])
    assert blobs.read(content_sha256(content)) == content


def test_equal_contents_are_stored_once_even_when_put_together(tmp_path):
    blobs = BlobStore(tmp_path)
    blobs.put([b"wool", b"wool", b"silk"])
    blobs.put([b"silk"])
    assert sorted(blobs.stored()) == sorted(map(content_sha256, (b"wool", b"silk")))


def test_a_stored_content_is_not_written_again(tmp_path):
    blobs = BlobStore(tmp_path)
    blobs.put([b"wool"])
    before = blobs.path_of(content_sha256(b"wool")).stat().st_ino
    blobs.put([b"wool"])
    assert blobs.path_of(content_sha256(b"wool")).stat().st_ino == before


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_never_passes_for_the_content(position, bit, tmp_path_factory):
    blobs = BlobStore(tmp_path_factory.mktemp("blobs"))
    content = b"forty percent polyester " * 8
    blobs.put([content])
    path = blobs.path_of(content_sha256(content))
    damaged = bytearray(path.read_bytes())
    damaged[position % len(damaged)] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        assert blobs.read(content_sha256(content)) == content  # a bit that zstd does not look at
    except IntegrityError as error:
        assert str(path) in str(error)


def test_a_missing_file_is_named(tmp_path):
    sha256 = content_sha256(b"never stored")
    with pytest.raises(IntegrityError, match=rf"{sha256}\.zst is missing"):
        BlobStore(tmp_path).read(sha256)


def test_a_damaged_copy_is_replaced_when_the_content_comes_again(tmp_path):
    blobs = BlobStore(tmp_path)
    blobs.put([b"linen"])
    blobs.path_of(content_sha256(b"linen")).write_bytes(b"rubbish")
    blobs.put([b"linen"])
    assert blobs.read(content_sha256(b"linen")) == b"linen"


def test_unfinished_files_are_swept_and_stored_ones_stay(tmp_path):
    blobs = BlobStore(tmp_path)
    blobs.put([b"acetate"])
    (tmp_path / "incoming" / "half.zst.tmp").write_bytes(b"ha")
    assert blobs.sweep() == 1
    assert list((tmp_path / "incoming").iterdir()) == []
    assert blobs.read(content_sha256(b"acetate")) == b"acetate"


def test_a_failed_flush_is_an_error_and_leaves_no_blob(tmp_path, monkeypatch):
    blobs = BlobStore(tmp_path)
    blobs.put([b"first"])

    def failing_fsync(descriptor: int) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(os, "fsync", failing_fsync)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        blobs.put([b"second"])
    assert list(blobs.stored()) == [content_sha256(b"first")]


def test_name_and_content_are_flushed_before_put_returns(tmp_path, monkeypatch):
    flushed: set[str] = set()
    guard = threading.Lock()
    real_fsync = os.fsync

    def recording_fsync(descriptor: int) -> None:
        with guard:
            flushed.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    BlobStore(tmp_path).put([b"cotton"])
    sha256 = content_sha256(b"cotton")
    assert str(tmp_path / "incoming" / f"{sha256}.zst.tmp") in flushed
    assert str(tmp_path / sha256[:2]) in flushed
    assert str(tmp_path) in flushed
