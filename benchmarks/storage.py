"""How fast a station accepts, answers and exports, each beside the plainest code that does the same.

    python -m benchmarks.storage [--rows 200000] [--accepts 200]

Ratios are of one run on one machine. The long form of the answers is `--rows 10000000`.
"""

# ruff: noqa: E501, S608  (rows are made by SQL, column by column; its parts are constants)

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np
from pysqlite3 import dbapi2

from qc_daemon.domain.image import Frame
from qc_daemon.domain.inspection import Acquisition, Specimen
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanConditions, ScanSettings
from storage.database_url import database_url
from storage.inspection_store import SqlInspectionStore, open_store
from storage.questions import QUESTIONS
from storage.schema import upgrade

_NOW = datetime(2026, 11, 24, tzinfo=UTC)
_ROLLS_PER_LOT, _PER_ROLL = 10, 50
_REPEATS = 60
# The same answers from the tables, without the views; corrections, which this station has none of, left out.
_BY_HAND = {
    "roll_fails": """
        SELECT a.number, a.position_m, f.fibre, f.percent, d.percent, f.percent - d.percent, (
            SELECT group_concat(code || iif(subject = '', '', ':' || subject), ', ')
            FROM reasons WHERE conclusion_sequence = c.sequence)
        FROM acquisitions AS a
        JOIN conclusions AS c ON c.sequence = (
            SELECT max(sequence) FROM conclusions WHERE acquisition_number = a.number)
        JOIN fibre_shares AS f ON f.conclusion_sequence = c.sequence
        LEFT JOIN declared_fibres AS d ON d.acquisition_number = a.number AND d.fibre = f.fibre
        WHERE a.lot = :lot AND a.roll = :roll AND c.outcome = 'FAIL'
        ORDER BY a.position_m, a.number, f.fibre""",
    "reference_age": """
        SELECT a.number, a.accepted_at, w.tile_id,
            round((julianday(a.accepted_at) - julianday(w.taken_at)) * 24 * 60, 1)
        FROM acquisitions AS a
        JOIN white_references AS w ON w.sequence = a.white_reference_sequence
        WHERE a.lot = :lot ORDER BY a.number""",
}
_OF_ONE = ("roll_readings", "roll_fails", "lot_rolls", "roll_defects", "reference_age", "specimen_history")


def main() -> None:
    """Measure and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--accepts", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        measure_accepting(Path(folder) / "accepting", arguments.accepts)
        database = Path(folder) / "answers" / "qc.sqlite3"
        database.parent.mkdir()
        fill(database, arguments.rows)
        measure_answers(database, arguments.rows)
        measure_export(database)


def measure_accepting(folder: Path, count: int) -> None:
    """Print accepted acquisitions a second, and the same of a loop that writes, flushes and commits."""
    acquisitions = [_acquisition(seed) for seed in range(count)]
    with open_store(folder, None, {}, lambda _data, _name: np.zeros((1, 1, 3), np.uint8)) as store:
        ours = _per_second(lambda one: _accept(store, one), acquisitions)
    bare_folder = folder.with_name("bare")
    bare_folder.mkdir()
    connection = dbapi2.connect(bare_folder / "bare.sqlite3", isolation_level=None)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id TEXT)")
    bare = _per_second(lambda one: _write_bare(bare_folder, connection, one), acquisitions)
    print(f"accepting: {ours:.1f}/s, bare loop {bare:.1f}/s, ratio {ours / bare:.2f} (aim 0.70)")


def measure_answers(database: Path, rows: int) -> None:
    """Print p95 of each question about one roll, lot or specimen, and beside SQL on the tables."""
    connection = dbapi2.connect(f"{database.as_uri()}?mode=ro", uri=True)
    random = np.random.default_rng(7)
    lots = max(rows // (_ROLLS_PER_LOT * _PER_ROLL), 1)
    for question in QUESTIONS:
        if question.name not in _OF_ONE:
            continue
        draws = [_parameters(random, rows, lots) for _ in range(_REPEATS)]
        ours = _p95_ms(connection, question.sql, draws)
        line = f"{question.name}: p95 {ours:.1f} ms of {rows} inspections (aim 50)"
        if question.name in _BY_HAND:
            by_hand = _p95_ms(connection, _BY_HAND[question.name], draws)
            line += f", by hand {by_hand:.1f} ms, ratio {ours / by_hand:.2f} (aim 1.20)"
        print(line)
    connection.close()


def measure_export(database: Path) -> None:
    """Print the peak memory of a process that exports all inspections."""
    for file_format in ("csv", "parquet"):
        code = (
            "import resource, sys; from pathlib import Path; from storage.history_export import export_view;"
            "n = export_view(sys.argv[1], 'v_inspections', sys.argv[2], Path(sys.argv[3]));"
            "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
        )
        out = database.with_name(f"out.{file_format}")
        began = time.perf_counter()
        command = [sys.executable, "-c", code, database_url(database), file_format, str(out)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        count, peak_mb = done.stdout.split()
        print(
            f"export {file_format}: {count} rows, {peak_mb} MB at most (aim 300), "
            f"{time.perf_counter() - began:.0f} s, file {out.stat().st_size / 1e6:.0f} MB"
        )


def fill(database: Path, rows: int) -> None:
    """Fill a database with inspections of one station, straight into the tables."""
    upgrade(database_url(database))
    connection = dbapi2.connect(database, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO instruments VALUES (?, ?, ?, ?, ?)",
        [(1, "nirscan-nano", "Nano", "6100023", "2"), (2, "mjpeg", "MS-5", "CAM-7", "1")])  # fmt: skip
    connection.execute(
        "INSERT INTO white_references VALUES (1, 'w', 'tile', 'T', 'r', 'a', 'b', 1, '2026-01-01T00:00:00.000000Z')"
    )
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows:d})"
    for statement in _FILLING:
        connection.execute(f"{statement[0]} {numbers} {statement[1]}")
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()


_AT = "strftime('%Y-%m-%dT%H:%M:%f000Z', 1767225600 + i * 5, 'unixepoch')"
_SHA = "printf('%064x', i)"
_FILLING = (
    ("INSERT INTO acquisitions (number, id, accepted_at, facts_sha256, specimen, lot, roll, position_m,"
     " label_text, spectrometer_id, raw_format, scan_sha256, white_reference_sequence, triggered_at,"
     " triggered_monotonic_s, acquire_seconds, camera_expected, camera_id, image_sha256, image_width_px,"
     " image_height_px, um_per_pixel, captured_at, captured_monotonic_s, image_repeats)",
     f"SELECT i, printf('%036x', i), {_AT}, {_SHA}, 'S-' || i, 'L' || ((i - 1) / 500), 'R' || ((i - 1) / 50 % 10),"
     f" i % 50 * 2.0, 'cotton 60 polyester 40', 1, 'r', {_SHA}, 1, {_AT}, i, 0.8, 1, 2, {_SHA}, 1280, 960, 1.0,"
     f" {_AT}, i, 0 FROM n"),
    ("INSERT INTO identities", "SELECT number, specimen, lot, roll, position_m, label_text, 0, NULL"
     " FROM acquisitions WHERE number IN (SELECT i FROM n)"),
    ("INSERT INTO declared_fibres", "SELECT i, p.column1, p.column2, p.column3 FROM n,"
     " (VALUES (0, 'cotton', 60.0), (1, 'polyester', 40.0)) AS p"),
    ("INSERT INTO conclusions (sequence, id, acquisition_number, concluded_at, infer_seconds, software_version,"
     " outcome, main_fibre, novelty, novelty_limit, basis, interval_coverage, evidence_sha256, cleaning_method,"
     " filled_percent, mask_sha256, fill_sha256, tolerance_name, tolerance_version, tolerance_clause,"
     " max_deviation_pp, minor_component_percent, minor_deviation_pp)",
     f"SELECT i, printf('%036x', -i), i, {_AT}, 0.3, '1', CASE i % 10 WHEN 0 THEN 'FAIL' WHEN 1 THEN 'REFER'"
     f" ELSE 'PASS' END, 'cotton', 1.0, 3.0, 'dry mass', 0.9, {_SHA}, 'fsr', 2.0, {_SHA}, {_SHA}, 'GB', '1', 'c',"
     " 5.0, 10.0, 3.0 FROM n"),
    ("INSERT INTO fibre_shares", "SELECT i, p.column1, p.column2, p.column3, p.column3 - 2, p.column3 + 2 FROM n,"
     " (VALUES (0, 'cotton', 61.0), (1, 'polyester', 39.0)) AS p"),
    ("INSERT INTO reasons", "SELECT i, p.column1, 'within_tolerance', p.column2, 1.0, 5.0 FROM n,"
     " (VALUES (0, 'cotton'), (1, 'polyester')) AS p"),
    ("INSERT INTO defects", "SELECT i, 0, 'stain', 1, 2, 30, 40, 0.01, 0.9, 'minor' FROM n WHERE i % 5 = 0"),
)  # fmt: skip


def _parameters(random: np.random.Generator, rows: int, lots: int) -> dict[str, str]:
    return {
        "lot": f"L{random.integers(lots)}",
        "roll": f"R{random.integers(_ROLLS_PER_LOT)}",
        "specimen": f"S-{random.integers(1, rows + 1)}",
    }


def _p95_ms(connection: Any, sql: str, draws: list[dict[str, str]]) -> float:
    seconds = []
    for parameters in draws:
        began = time.perf_counter()
        connection.execute(sql, parameters).fetchall()
        seconds.append(time.perf_counter() - began)
    return 1000.0 * quantiles(seconds, n=20)[-1]


def _per_second(work: Callable[[Acquisition], None], acquisitions: list[Acquisition]) -> float:
    began = time.perf_counter()
    for one in acquisitions:
        work(one)
    return len(acquisitions) / (time.perf_counter() - began)


def _accept(store: SqlInspectionStore, one: Acquisition) -> None:
    store.add_acquisition(one)


def _write_bare(folder: Path, connection: Any, one: Acquisition) -> None:
    assert one.frame is not None
    with (folder / one.id).open("wb") as file:
        file.write(one.scan.raw + one.frame.encoded)
        file.flush()
        os.fsync(file.fileno())
    connection.execute("INSERT INTO t VALUES (?)", (one.id,))


def _acquisition(seed: int) -> Acquisition:
    random = np.random.default_rng(seed)
    axis, bands = np.linspace(900.0, 1700.0, 228), np.zeros(228)
    scan = Scan(random.bytes(3822), "r", "6100023", axis, bands, bands, 65535.0,
        ScanSettings("h", 6, 64), ScanConditions())  # fmt: skip
    camera = InstrumentIdentity("mjpeg", "MS-5", "CAM-7", "1")
    frame = Frame(random.bytes(1_000_000), np.zeros((4, 4, 3), np.uint8), 1.0, camera, _NOW, 1.0, 0)
    spectrometer = InstrumentIdentity("nirscan-nano", "Nano", "6100023", "2")
    specimen = Specimen(f"S-{seed}", "L", "R", 1.0, None)
    return Acquisition(f"00000000-0000-7000-8000-{seed:012x}", specimen, spectrometer, scan, None, True,
        frame, _NOW, 1.0, 0.8)  # fmt: skip


if __name__ == "__main__":
    main()
