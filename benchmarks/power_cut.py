"""Cut the power of a station at many points of its writing and check that it kept every promise.

    python -m benchmarks.power_cut [--cuts 500] [--acquisitions 12] [--seed 1]

A station accepts and concludes under `strace`, which records all that it asks of the disk. For each cut its
folder is rebuilt as a disk may leave it: what was not flushed is dropped, or arrives in part, and the last
write is torn (`benchmarks.disk_model`). The station then starts from that folder. Whatever it had
acknowledged must be there once, and `fsck` and `verify --ledger` must be content. Prints a summary; exit
status 1 if a promise was broken.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.disk_model import Call, Disk, Loss, parse_calls
from qc_daemon.domain.errors import QcError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion, Specimen
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanConditions, ScanSettings
from qc_daemon.domain.verdict import judge
from storage.fsck import check_station
from storage.inspection_store import SqlInspectionStore, open_store
from storage.ledger_check import check_ledger

_NOW = datetime(2026, 11, 24, tzinfo=UTC)
_CALLS = (
    "openat,lseek,write,pwrite64,ftruncate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
)
_LONGEST_WRITE = 1 << 24
_STDOUT = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """What a station asked of the disk, and its folder before that.

    Attributes:
        before: content by path; None for folders.
    """

    folder: Path
    before: dict[Path, bytes | None]
    calls: tuple[Call, ...]


def main() -> None:
    """Measure and print; or, with `--write`, be the station that is recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=500)
    parser.add_argument("--acquisitions", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        _accept_and_conclude(arguments.write, arguments.acquisitions)
        return
    with tempfile.TemporaryDirectory() as name:
        recording = record(Path(name), arguments.acquisitions)
        points = cut_points(recording, arguments.cuts)
        problems = [
            f"cut {point}, {loss.value}: {problem}"
            for point, loss in points
            for problem in problems_after(recording, point, loss, arguments.seed)
        ]
    for problem in problems:
        print(f"PROBLEM {problem}")
    print(f"{len(points)} cuts over {len(recording.calls)} calls: {len(problems)} broken promises (aim 0)")
    sys.exit(1 if problems else 0)


def record(folder: Path, acquisitions: int) -> Recording:
    """Let a new station in `folder` accept and conclude, and return what it asked of the disk.

    Raises:
        OSError: there is no `strace`.
        subprocess.CalledProcessError: it may not trace, or the station failed.
    """
    station, trace = (folder / "station").resolve(), folder / "trace"
    with _station(station):
        pass  # made before the recording: an installation that loses power is made again
    before = {path: path.read_bytes() if path.is_file() else None for path in station.rglob("*")}
    command = [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        str(_LONGEST_WRITE),
        "-e",
        f"trace={_CALLS}",
        "-o",
        str(trace),
    ]
    command += [sys.executable, "-m", "benchmarks.power_cut", "--write", str(station)]
    subprocess.run([*command, "--acquisitions", str(acquisitions)], check=True, capture_output=True)
    calls = parse_calls(trace.read_text("ascii").splitlines(), station)
    return Recording(station, before, tuple(calls))


def cut_points(recording: Recording, count: int) -> list[tuple[int, Loss]]:
    """Return that many cuts, spread evenly over the recording, each way of losing in turn."""
    places = np.linspace(0, len(recording.calls), count).round().astype(int)
    losses = tuple(Loss)
    return [(int(place), losses[index % len(losses)]) for index, place in enumerate(places)]


def problems_after(recording: Recording, point: int, loss: Loss, seed: int) -> list[str]:
    """Rebuild the folder after a cut, start the station in it and return what was lost or doubled."""
    calls = recording.calls[:point]
    disk = Disk(recording.before)
    for call in calls:
        disk.do(call)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "station"
        disk.leave(recording.folder, folder, loss, random.Random(f"{seed}-{point}"))
        try:
            return list(_broken_promises(folder, calls))
        except QcError as error:
            return [f"the station cannot go on: {error}"]


def _broken_promises(folder: Path, calls: Sequence[Call]) -> Iterator[str]:
    acknowledged = [call.data.decode().split() for call in calls if call.descriptor == _STDOUT]
    with _station(folder) as store:
        store.recover()
        for what, number, its_id in acknowledged:
            if what == "accepted" and [one.number for one in store.find(its_id)] != [int(number)]:
                yield f"acquisition {number} was accepted and is lost, or there twice"
            if what == "concluded" and store.load_conclusion(int(number)).id != its_id:
                yield f"the conclusion of {number} was acknowledged and is lost"
        again = store.add_acquisition(_acquisition(999)).number
        if acknowledged and again <= int(acknowledged[-1][1]):
            yield f"number {again} was given twice"
    yield from check_station(folder).problems
    yield from check_ledger(folder).problems


def _accept_and_conclude(folder: Path, count: int) -> None:
    with _station(folder) as store:
        store.recover()
        for seed in range(count):
            about = _acquisition(seed)
            number = store.add_acquisition(about).number
            _acknowledge(f"accepted {number} {about.id}")
            drawn = _conclusion(about, seed)
            store.add_conclusion(number, drawn)
            _acknowledge(f"concluded {number} {drawn.id}")


def _acknowledge(text: str) -> None:
    os.write(_STDOUT, f"{text}\n".encode())  # in one call, which the recording shows in its place


def _station(folder: Path) -> SqlInspectionStore:
    return open_store(folder, None, {}, _no_pixels)


def _no_pixels(_encoded: bytes, _name: str) -> NDArray[np.uint8]:
    raise AssertionError("the store asked for the pixels of an image, which no step here may need")


def _acquisition(seed: int) -> Acquisition:
    random_bytes = np.random.default_rng(seed).bytes
    axis, bands = np.linspace(900.0, 1700.0, 228), np.zeros(228)
    scan = Scan(random_bytes(3822), "r", "6100023", axis, bands, bands, 65535.0,
        ScanSettings("h", 6, 64), ScanConditions())  # fmt: skip
    camera = InstrumentIdentity("mjpeg", "MS-5", "CAM-7", "1")
    frame = Frame(random_bytes(20_000), np.zeros((4, 4, 3), np.uint8), 1.0, camera, _NOW, 1.0, 0)
    spectrometer = InstrumentIdentity("nirscan-nano", "Nano", "6100023", "2")
    return Acquisition(f"00000000-0000-7000-8000-{seed:012x}", Specimen(f"S-{seed}", "L", "R", 1.0, None),
        spectrometer, scan, None, True, frame, _NOW, 1.0, 0.8)  # fmt: skip


def _conclusion(about: Acquisition, seed: int) -> Conclusion:
    tolerance = TOLERANCES["GB/T 29862-2013"]
    verdict = judge(None, None, tolerance, [Reason(ReasonCode.SATURATED, "", 99.5, 98.0)])
    return Conclusion(f"00000000-0000-7000-9000-{seed:012x}", about.id, None, None, (), tolerance, verdict,
        (), "1", _NOW, 0.3)  # fmt: skip


if __name__ == "__main__":
    if shutil.which("strace") is None:
        sys.exit("strace is not installed; expected it to record what the station asks of the disk")
    main()
