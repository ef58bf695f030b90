"""Months of a line in minutes: the real loop, pipeline and store, under random faults from one seed.

    python -m benchmarks.soak --inspections 200000 --seed 1
    python -m benchmarks.soak --minutes 5

Time, devices, networks and the layout engine are fakes (`benchmarks/soak_station.py`); journal, blobs and
database are real files. Faults are drawn from the seed, which is printed: links that break, replies that
are garbage, saturated scans, a camera that goes away, a locked database, failed certificates, a clock that
is set, and deaths between the acceptance of a measurement and its conclusion. Afterwards `fsck` checks every
promise; memory, open files, threads and the write-ahead log must not have grown. Exit status 1 otherwise.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog

from benchmarks.soak_station import (
    INTERVAL_S,
    Camera,
    Dice,
    Killed,
    Network,
    SoakClock,
    SoakLine,
    SoakTrigger,
    Spectrometer,
    Writer,
    decode_image,
    decode_scan,
    opened,
)
from qc_daemon.alarms import Alarms
from qc_daemon.clock import new_id
from qc_daemon.domain.quality import FrameLimits, ScanLimits
from qc_daemon.domain.reference_validity import ReferenceLimits
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.line_loop import LineLoop
from qc_daemon.pipeline import Judges
from qc_daemon.status import StatusBoard
from qc_daemon.workplace import Workplace
from storage.alarm_rows import SqlAlarmStore
from storage.fsck import check_station
from storage.inspection_store import SqlInspectionStore, open_store

_MOST_WAL_BYTES = 64 * 2**20
_MOST_SLOPE_MIB_H = 1.0
_LEAST_LINE_H = 3.0  # over less, filling caches looks like a slope


@dataclass
class Soaked:
    """What came of it; sizes are of this process."""

    seed: int
    inspections: int = 0
    line_hours: float = 0.0
    restarts: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    rss_slope_mib_h: float = 0.0
    open_files: tuple[int, int] = (0, 0)
    threads: tuple[int, int] = (0, 0)
    largest_wal_bytes: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def soak(
    folder: Path, seed: int, inspections: int | None, seconds: float | None, scale: float = 1.0
) -> Soaked:
    """Soak a station until it has made so many inspections, or for so long; then check it."""
    result, dice, clock = Soaked(seed), Dice(seed, scale), SoakClock()
    report = folder / "reports" / "soak.pdf"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_bytes(b"%PDF")
    trigger = SoakTrigger(dice, clock, folder / "qc.sqlite3")
    watch = _Watch(folder, trigger, clock, inspections, seconds)
    began = time.monotonic()
    while not trigger.ended:
        with open_store(folder, None, {"soak": decode_scan}, decode_image, clock.now) as store:
            store.recover()
            loop = _loop(folder, store, trigger, dice, clock)
            with suppress(Killed):
                watch.run(loop)
        result.restarts += not trigger.ended
        trigger.release()
    result.problems += _settle(folder, clock, trigger)
    result.seconds = time.monotonic() - began
    result.inspections, result.faults = trigger.announced, dict(dice.faults)
    result.line_hours = clock.elapsed_s / 3600.0
    watch.report(result)
    result.problems += check_station(folder).problems
    return result


class _Watch:
    """Looks at the process now and then, from a thread, and says when it is enough."""

    def __init__(
        self,
        folder: Path,
        trigger: SoakTrigger,
        clock: SoakClock,
        inspections: int | None,
        seconds: float | None,
    ) -> None:
        self._wal = folder / "qc.sqlite3-wal"
        self._trigger = trigger
        self._clock = clock
        self._inspections = inspections
        self._ends_s = None if seconds is None else time.monotonic() + seconds
        self._samples: list[tuple[float, float, int, int]] = []
        self._largest_wal = 0

    def run(self, loop: LineLoop) -> None:
        """Run a loop in this thread while another one watches."""
        over = threading.Event()
        watcher = threading.Thread(target=self._look_until, args=(over,))
        watcher.start()
        try:
            loop.run()
        finally:
            over.set()
            watcher.join()

    def report(self, result: Soaked) -> None:
        """Say whether anything grew; the first third is warming up."""
        result.largest_wal_bytes = self._largest_wal
        kept = self._samples[len(self._samples) // 3 :]
        if len(kept) < 3:
            return
        hours, rss, files, threads = (np.array(column, float) for column in zip(*kept, strict=True))
        result.rss_slope_mib_h = float(np.polyfit(hours, rss, 1)[0]) if np.ptp(hours) > 0 else 0.0
        result.open_files = (int(files.min()), int(files.max()))
        result.threads = (int(threads.min()), int(threads.max()))
        if result.line_hours >= _LEAST_LINE_H and result.rss_slope_mib_h >= _MOST_SLOPE_MIB_H:
            result.problems.append(f"memory grows by {result.rss_slope_mib_h:.2f} MiB per hour of line time")
        for name, values in (("open files", files), ("threads", threads)):
            half = len(values) // 2
            if np.median(values[half:]) > np.median(values[:half]) + 2:
                problem = f"{name} grow: {np.median(values[:half]):g} to {np.median(values[half:]):g}"
                result.problems.append(problem)
        if self._largest_wal >= _MOST_WAL_BYTES:
            result.problems.append(f"the write-ahead log grew to {self._largest_wal} bytes")

    def _look_until(self, over: threading.Event) -> None:
        while not over.wait(0.2):
            if self._wal.exists():
                self._largest_wal = max(self._largest_wal, self._wal.stat().st_size)
            self._samples.append(
                (self._clock.elapsed_s / 3600.0, _rss_mib(), len([*Path("/proc/self/fd").iterdir()]),
                 threading.active_count())
            )  # fmt: skip
            done = self._inspections is not None and self._trigger.announced >= self._inspections
            if done or (self._ends_s is not None and time.monotonic() >= self._ends_s):
                self._trigger.ended = True


def _loop(
    folder: Path, store: SqlInspectionStore, trigger: SoakTrigger, dice: Dice, clock: SoakClock
) -> LineLoop:
    network = Network(dice)
    judges = Judges(
        cleaner=network, predictor=network, defect_detector=network,
        tolerance=TOLERANCES["GB/T 29862-2013"], scan_limits=ScanLimits(),
        reference_limits=ReferenceLimits(), transfer=None, flat_field=None, frame_limits=FrameLimits(),
        software_version="soak", clock=clock, new_id=new_id,
    )  # fmt: skip
    workplace = Workplace(
        judges=judges,
        store=store,
        report_writer=Writer(folder, dice, hashlib.sha256(b"%PDF").hexdigest()),
        line=SoakLine(),
        open_spectrometer=lambda: opened(Spectrometer(dice)),  # type: ignore[arg-type,return-value]
        open_camera=lambda: opened(Camera(dice, clock)),  # type: ignore[arg-type,return-value]
    )
    board = StatusBoard(folder / "status.json", clock)
    return LineLoop(workplace, trigger, board, Alarms(board, SqlAlarmStore(store), clock))


def _settle(folder: Path, clock: SoakClock, trigger: SoakTrigger) -> list[str]:
    """Start once more without faults, so that whatever is owed gets done."""
    calm = Dice(0, 0.0)
    with open_store(folder, None, {"soak": decode_scan}, decode_image, clock.now) as store:
        store.recover()
        _loop(folder, store, trigger, calm, clock).run()
        waiting = [*store.unconcluded(), *store.unreported()]
    return [f"still owed after a calm start: number {number}" for number in waiting]


def _rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inspections", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args(arguments)
    if chosen.inspections is None and chosen.minutes is None:
        chosen.minutes = 5.0
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    sys.stdout.write(f"seed {chosen.seed}, a specimen every {INTERVAL_S:g} s of line time\n")
    with tempfile.TemporaryDirectory(prefix="qc-soak-") as folder:
        seconds = None if chosen.minutes is None else 60.0 * chosen.minutes
        result = soak(Path(folder), chosen.seed, chosen.inspections, seconds)
    sys.stdout.write(json.dumps(result.__dict__, indent=2) + "\n")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
