"""How fast the list of inspections is on a long history: `python -m benchmarks.web_rows --rows 1000000`.

The rows are made by SQL from nothing measured: they have a lot of 500 inspections each, one in fifty FAILs.
"""

# ruff: noqa: S608  (the statements are constants of this file)

import argparse
import json
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from pysqlite3 import dbapi2
from starlette.testclient import TestClient

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config, EmulatedLineSection
from qc_daemon.domain.people import Role, secret_sha256
from qc_daemon.settings.web import WebSection
from qc_daemon.web.app import create_app
from qc_daemon.wiring.database import open_inspections, open_store
from qc_daemon.wiring.lines import demo_config
from qc_daemon.wiring.web import page_parts
from storage.people import SqlPeopleBook

_SECRET = "benchmark"
_TURNS = 40
_COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
_FILL = (
    """INSERT INTO instruments VALUES (1, 'nirscan-nano', 'NIRscan Nano', '6100023', '2.1.0')""",
    f"""{_COUNT} INSERT INTO acquisitions (
        number, id, accepted_at, facts_sha256, specimen, lot, roll, position_m, label_text, spectrometer_id,
        raw_format, scan_sha256, triggered_at, triggered_monotonic_s, acquire_seconds, camera_expected)
    SELECT i, printf('%032x', i), strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + 5 * i, 'unixepoch')
        || '.000000Z', printf('%064x', i), 'S-' || i, 'LOT-' || (i / 500),
        'R-' || (i / 50 % 10), i % 50, 'cotton 60 polyester 40', 1,
        'nirscan-nano', printf('%064x', i), strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + 5 * i, 'unixepoch') ||
        '.000000Z', i, 0.5, 0 FROM n""",
    """INSERT INTO declared_fibres SELECT number, 0, 'cotton', 60.0 FROM acquisitions""",
    """INSERT INTO declared_fibres SELECT number, 1, 'polyester', 40.0 FROM acquisitions""",
    """INSERT INTO identities (acquisition_number, specimen, lot, roll, position_m, label_text, corrected)
    SELECT number, specimen, lot, roll, position_m, label_text, 0 FROM acquisitions""",
    f"""{_COUNT} INSERT INTO conclusions (
        sequence, id, acquisition_number, concluded_at, infer_seconds, software_version, outcome,
        tolerance_name, tolerance_version, tolerance_clause, max_deviation_pp, minor_component_percent,
        minor_deviation_pp, main_fibre, novelty, novelty_limit, basis, interval_coverage, evidence_sha256)
    SELECT i, printf('%032x', i), i, strftime('%Y-%m-%dT%H:%M:%S', 1700000001 + 5 * i, 'unixepoch') ||
        '.000000Z', 0.1, '1', CASE WHEN i % 50 = 0 THEN 'FAIL' WHEN i % 7 = 0 THEN 'REFER' ELSE 'PASS' END,
        'GB/T 29862-2013', '1', '7.4', 5.0, 10.0, 3.0, 'cotton', 0.1, 1.0, 'dry mass', 0.9,
        printf('%064x', i) FROM n""",
    """INSERT INTO fibre_shares SELECT sequence, 0, 'cotton', 58.0, 55.0, 61.0 FROM conclusions""",
    """INSERT INTO fibre_shares SELECT sequence, 1, 'polyester', 42.0, 39.0, 45.0 FROM conclusions""",
    """INSERT INTO conclusion_grounds (conclusion_sequence) SELECT sequence FROM conclusions""",
)
_QUERIES = {
    "newest": "/inspections",
    "in the middle": "/inspections?before={half}",
    "one lot": "/inspections?lot=LOT-{lot}",
    "one roll of a lot": "/inspections?lot=LOT-{lot}&roll=R-3",
    "FAIL, newest": "/inspections?verdict=FAIL",
    "FAIL of one lot": "/inspections?lot=LOT-{lot}&verdict=FAIL",
    "one day long ago": "/inspections?since=2023-11-20&until=2023-11-20",
    "FAIL of a day long ago": "/inspections?since=2023-11-20&until=2023-11-20&verdict=FAIL",
    "UNDECIDED": "/inspections?verdict=UNDECIDED",
    "rolls": "/rolls",
    "one roll's page": "/roll?lot=LOT-{lot}&roll=R-3",
}


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "station"
        _fill(folder, rows)
        config = Config(station={"folder": folder}, emulated_line=EmulatedLineSection(), web=WebSection())
        with open_inspections(config) as reader:
            assert config.web is not None
            parts = page_parts(config, config.web, reader, SystemClock())
            client = TestClient(
                create_app(parts, lambda: False, lambda: None), cookies={"qc_session": _SECRET}
            )
            places = {"half": rows // 2, "lot": rows // 1000}
            timed = {name: _timed(client, path.format(**places)) for name, path in _QUERIES.items()}
    print(json.dumps({"rows": rows, "pages": timed}, indent=1))


def _fill(folder: Path, rows: int) -> None:
    now = SystemClock().now()
    with open_store(demo_config(folder)) as store:
        people = SqlPeopleBook(store.reading, store.transaction)
        people.add_person("bench", Role.QA, "none", "bench", now)
        people.open_session("bench", secret_sha256(_SECRET), now, now.replace(year=now.year + 1))
    with closing(dbapi2.connect(str(folder / "qc.sqlite3"))) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in _FILL:
            connection.execute(statement, {"rows": rows} if ":rows" in statement else {})
        connection.commit()


def _timed(client: httpx.Client, path: str) -> dict[str, Any]:
    """Open a page again and again; its processor time also means something on a busy computer."""
    seconds = []
    busy_s = time.process_time()
    for _ in range(_TURNS):
        began = time.perf_counter()
        answer = client.get(path)
        seconds.append(time.perf_counter() - began)
        assert answer.status_code == 200, (path, answer.text)
    busy_s = (time.process_time() - busy_s) / _TURNS
    seconds.sort()
    measured = {"median_ms": statistics.median(seconds), "p95_ms": seconds[int(0.95 * _TURNS)]}
    return {name: round(1000 * value, 1) for name, value in (measured | {"processor_ms": busy_s}).items()}


if __name__ == "__main__":
    main()
