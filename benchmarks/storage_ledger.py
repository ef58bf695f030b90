"""How long `fsck` and `verify --ledger` take over a station of many rows.

    python -m benchmarks.storage_ledger [--rows 1000000]

The station is filled by SQL, as `benchmarks.storage` fills it, and its ledger is begun over all rows as
an upgrade begins one. All rows name one blob, so that reading blobs is not in the figure: it costs what
disk and SHA-256 cost, and comes on top. `fsck` names each acquisition, for none was accepted as it says.
"""

# ruff: noqa: S608  (the parts put together here are names of our tables)

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pysqlite3 import dbapi2

from benchmarks.storage import fill
from storage.blobs import BlobStore
from storage.facts import content_sha256
from storage.fsck import check_station
from storage.ledger import begin_ledger
from storage.ledger_check import check_ledger
from storage.ledger_coverage import COVERED
from storage.sqlite_file import SqliteFile

_LIMIT_S_PER_MILLION = 60.0
_ROWS_OF_AN_INSPECTION = 11


def main() -> None:
    """Measure both and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of all tables together, about")
    wanted = parser.parse_args().rows
    with TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "qc.sqlite3"
        rows = _station(database, wanted)
        ledger_s = _timed(lambda: check_ledger(folder))
        fsck_s = _timed(lambda: check_station(folder))
    per_million_s = (ledger_s + fsck_s) / rows * 1e6
    print(f"{rows} rows, the ledger included: verify --ledger {ledger_s:.1f} s, fsck {fsck_s:.1f} s")
    print(f"per million rows {per_million_s:.1f} s, at most {_LIMIT_S_PER_MILLION:.0f} s")


def _station(database: Path, wanted: int) -> int:
    """Fill a station; return how many rows its tables have."""
    fill(database, wanted // _ROWS_OF_AN_INSPECTION)
    content = b"one for all"
    BlobStore(database.parent / "blobs").put([content])
    sha256 = content_sha256(content)
    with closing(dbapi2.connect(database)) as connection, connection:
        for table, covered in COVERED.items():
            if covered.blobs:
                columns = ", ".join(f"{column} = '{sha256}'" for column in covered.blobs)
                connection.execute(f"UPDATE {table} SET {columns}")
        if not connection.execute("SELECT count(*) FROM identities").fetchone()[0]:
            connection.execute(
                "INSERT INTO identities"
                " SELECT number, specimen, lot, roll, position_m, label_text, 0, NULL FROM acquisitions"
            )
        connection.execute("DELETE FROM ledger")
    writer = SqliteFile(database).open_writer()
    with writer.begin() as connection:
        begin_ledger(connection, datetime.now(UTC))
    writer.dispose()
    with closing(dbapi2.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return sum(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in tables)


def _timed(check: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    check()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
