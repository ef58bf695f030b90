import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders_reports import a_failed_inspection, a_passed_inspection
from pypdf import PdfReader

from qc_daemon.domain.errors import ReportFailed
from reports.renderer import CertificateWriter, write_whole


def children_of(pid):
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
        if b"reports.render_process" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def the_child_of(pid):
    until(lambda: children_of(pid))  # the name of a child shows a moment after it was started
    (child,) = children_of(pid)
    return child


def is_gone(pid):
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.fixture()
def writer(tmp_path):
    with CertificateWriter(tmp_path / "reports", "both", "Line 3") as running:
        yield running


def test_the_report_is_a_whole_pdf_with_the_hash_that_is_stated(writer, tmp_path):
    acquisition, conclusion = a_passed_inspection()
    report = writer.write(42, acquisition, conclusion)
    assert report.path == str(tmp_path / "reports" / f"42-{conclusion.id}-both.pdf")
    assert report.language == "both"
    assert report.sha256 == hashlib.sha256(Path(report.path).read_bytes()).hexdigest()
    assert len(PdfReader(report.path).pages) == 2
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [Path(report.path).name]


def test_the_child_is_reused_and_the_same_records_give_the_same_file(writer):
    first = writer.write(42, *a_passed_inspection())
    child = the_child_of(os.getpid())
    assert writer.write(42, *a_passed_inspection()) == first
    assert writer.write(43, *a_failed_inspection()).sha256 != first.sha256
    assert children_of(os.getpid()) == [child]


def test_a_child_that_hangs_is_killed_in_time_and_the_next_report_comes(tmp_path):
    with CertificateWriter(tmp_path, "en", "Line 3", timeout_s=2.0) as writer:
        writer.write(1, *a_passed_inspection())
        child = the_child_of(os.getpid())
        os.kill(child, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(ReportFailed, match="not ready within 2 s"):
            writer.write(2, *a_passed_inspection())
        assert time.monotonic() - started < 4.0
        assert is_gone(child)
        assert not list(tmp_path.glob("2-*"))
        assert Path(writer.write(3, *a_passed_inspection()).path).exists()


def test_a_child_that_dies_is_replaced(writer):
    writer.write(1, *a_passed_inspection())
    child = the_child_of(os.getpid())
    os.kill(child, signal.SIGKILL)
    until(lambda: is_gone(child))
    with pytest.raises(ReportFailed, match="died"):
        writer.write(2, *a_passed_inspection())
    assert Path(writer.write(2, *a_passed_inspection()).path).exists()
    assert children_of(os.getpid()) != [child]


def test_the_child_ends_when_the_writer_is_left(tmp_path):
    with CertificateWriter(tmp_path, "en", "Line 3"):
        child = the_child_of(os.getpid())
    assert is_gone(child)


def test_the_child_ends_when_its_parent_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from reports.renderer import CertificateWriter\n"
        "with CertificateWriter(Path(sys.argv[1]), 'en', 'Line 3'):\n"
        "    print('ready', flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout.readline() == b"ready\n"
        child = the_child_of(parent.pid)
        parent.kill()
    until(lambda: is_gone(child))


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    blocked = tmp_path / "reports"
    blocked.write_text("a file where the folder should be")
    with (
        CertificateWriter(blocked, "en", "Line 3") as writer,
        pytest.raises(
            ReportFailed, match=r"reports/1-.*-en\.pdf: the certificate cannot be written: File exists"
        ),
    ):
        writer.write(1, *a_passed_inspection())


def no_space(_fd):
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_neither_the_file_nor_a_piece_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "1.pdf", b"%PDF")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_keeps_the_file_that_was_there(tmp_path, monkeypatch):
    write_whole(tmp_path / "1.pdf", b"old")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "1.pdf", b"new")
    assert (tmp_path / "1.pdf").read_bytes() == b"old"
