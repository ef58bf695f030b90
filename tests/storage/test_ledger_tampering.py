"""Whatever is altered, removed, inserted or put in another order behind the station's back is found."""

import hashlib
import math
import random
from contextlib import closing, suppress
from pathlib import Path

import pytest
from builders_storage import (
    NOON,
    SPECTROMETER,
    acquisition,
    check_run,
    conclusion,
    dark_reference,
    refusal,
    station_store,
    unlabelled,
    white_reference,
)
from pysqlite3 import dbapi2

from qc_daemon.domain.calibration import ControlReset
from qc_daemon.domain.inspection import ModelVersion, ReportFile
from storage.ledger_check import check_ledger
from storage.ledger_coverage import COVERED

TAMPERINGS = 200
# Not the ledger alone: each table that it covers, and the parts of their rows.
TABLES = ["ledger", *COVERED, *(part for covered in COVERED.values() for part in covered.parts)]


@pytest.fixture(scope="module")
def station(tmp_path_factory) -> Path:
    """A stopped station with something in most covered tables."""
    folder = tmp_path_factory.mktemp("ledger") / "station"
    white = white_reference()
    with station_store(folder) as store:
        store.activate_model(ModelVersion("composition", "isic-7", "ab" * 32))
        store.add_reference(white)
        store.add_dark(dark_reference())
        store.add_check(check_run(white))
        store.reset_control(ControlReset(SPECTROMETER.serial, "Li Na", "lamp changed", NOON))
        store.add_reconnection(SPECTROMETER.serial, NOON)
        store.add_event("clock_set", "station", "the clock of the computer was set by +9.0 s", NOON)
        (folder / "reports").mkdir()
        for seed in range(4):
            about = acquisition(seed, white=white, **({"specimen": unlabelled()} if seed == 3 else {}))
            number = store.add_acquisition(about).number
            drawn = refusal(about) if seed == 2 else conclusion(about)
            store.add_conclusion(number, drawn)
            path = folder / "reports" / f"{number}.pdf"
            path.write_bytes(f"%PDF {number}".encode())
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            store.add_report(number, drawn.id, ReportFile(str(path), "both", sha256))
    with dbapi2.connect(folder / "qc.sqlite3") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


class Tampering:
    """The database of a station in the hands of somebody who knows SQL, with all constraints off."""

    def __init__(self, connection: dbapi2.Connection, chance: random.Random) -> None:
        self._connection = connection
        self._chance = chance
        for pragma in ("foreign_keys = OFF", "ignore_check_constraints = ON"):
            connection.execute(f"PRAGMA {pragma}")
        self._filled = [table for table in TABLES if self._rows(table)]

    def alter(self) -> str:
        """Change one cell."""
        table = self._chance.choice(self._filled)
        row = self._chance.choice(self._rows(table))
        changed, position = list(row), self._chance.randrange(len(row))
        changed[position] = self._other(row[position])
        self._replace(table, [row], [changed])
        return f"{table} {row} -> {changed}"

    def remove(self) -> str:
        """Delete a row."""
        table = self._chance.choice(self._filled)
        row = self._chance.choice(self._rows(table))
        self._replace(table, [row], [])
        return f"{table} {row}"

    def insert(self) -> str:
        """Add a row that looks like another one, with a key of its own."""
        table = self._chance.choice(self._filled)
        added = list(self._chance.choice(self._rows(table)))
        key = self._chance.choice(self._keys(table))
        added[key] = self._other(added[key]) + 1000
        for position in self._unique(table):
            added[position] = self._other(added[position])
        self._replace(table, [], [added])
        return f"{table} {added}"

    def reorder(self) -> str:
        """Exchange the keys of two rows that differ in more than their keys."""
        while True:
            table = self._chance.choice(self._filled)
            pair = self._chance.choices(self._rows(table), k=2)
            exchanged = [list(row) for row in pair]
            for key in self._keys(table):
                exchanged[0][key], exchanged[1][key] = pair[1][key], pair[0][key]
            if set(map(tuple, exchanged)) != set(pair):
                self._replace(table, pair, exchanged)
                return f"{table} {pair}"

    def _rows(self, table: str) -> list[tuple]:
        return self._connection.execute(f"SELECT * FROM {table}").fetchall()

    def _columns(self, table: str) -> list[tuple]:
        return self._connection.execute(f"PRAGMA table_info({table})").fetchall()

    def _keys(self, table: str) -> list[int]:
        return [position for position, column in enumerate(self._columns(table)) if column[5]]

    def _unique(self, table: str) -> set[int]:
        """One column of each further constraint that two equal rows would break."""
        indexes = self._connection.execute(f"PRAGMA index_list({table})").fetchall()
        unique = [name for _, name, is_unique, origin, _ in indexes if is_unique and origin == "u"]
        return {self._connection.execute(f"PRAGMA index_info({name})").fetchone()[1] for name in unique}

    def _other(self, value: object) -> object:
        match value:
            case int():
                return value + self._chance.choice([-1, 1, 2])
            case float():
                return math.nextafter(value, self._chance.choice([-1e9, 1e9]))
            case str():
                return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"
            case _:
                return None

    def _replace(self, table: str, old: list, new: list) -> None:
        keys = [self._columns(table)[position][1] for position in self._keys(table)]
        where = " AND ".join(f"{key} = ?" for key in keys)
        for row in old:
            self._connection.execute(
                f"DELETE FROM {table} WHERE {where}", [row[position] for position in self._keys(table)]
            )
        for row in new:
            self._connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


@pytest.mark.parametrize("kind", ["alter", "remove", "insert", "reorder"])
def test_every_tampering_with_a_row_is_found(station, tmp_path, kind):
    chance = random.Random(f"ledger {kind}")
    path = station / "qc.sqlite3"
    whole = path.read_bytes()
    with closing(dbapi2.connect(path)) as connection:
        before = everything(connection)
    tables = set()
    try:
        for _ in range(TAMPERINGS):
            path.write_bytes(whole)
            done = tampered(path, kind, chance, before)
            tables.add(done.split()[0])
            assert check_ledger(station).problems, done
    finally:
        path.write_bytes(whole)
    assert len(tables) > 12
    assert check_ledger(station).problems == ()


def tampered(path: Path, kind: str, chance: random.Random, before: list[list[tuple]]) -> str:
    """Tamper with a database that holds `before`; return what was done."""
    while True:
        with closing(dbapi2.connect(path)) as connection, suppress(dbapi2.IntegrityError), connection:
            done = getattr(Tampering(connection, chance), kind)()
            if everything(connection) != before:
                return done


def everything(connection: dbapi2.Connection) -> list[list[tuple]]:
    return [sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES]


@pytest.mark.parametrize("folder", ["blobs", "reports"])
def test_every_tampering_with_a_file_is_found(station, folder):
    chance = random.Random(f"ledger {folder}")
    files = sorted(path for path in (station / folder).rglob("*") if path.is_file())
    for _ in range(TAMPERINGS):
        file = chance.choice(files)
        whole = file.read_bytes()
        damage = chance.choice([flipped, cut, gone, exchanged])
        damage(file, chance, files)
        assert check_ledger(station).problems, (file, damage)
        file.write_bytes(whole)
    assert check_ledger(station).problems == ()


def flipped(file: Path, chance: random.Random, _files: list[Path]) -> None:
    """One bit of the file is another."""
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def cut(file: Path, chance: random.Random, _files: list[Path]) -> None:
    """The file ends early."""
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))])


def gone(file: Path, _chance: random.Random, _files: list[Path]) -> None:
    """The file is not there."""
    file.unlink()


def exchanged(file: Path, chance: random.Random, files: list[Path]) -> None:
    """The file holds what another one should."""
    others = [other for other in files if other.read_bytes() != file.read_bytes()]
    file.write_bytes(chance.choice(others).read_bytes())
