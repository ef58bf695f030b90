"""The database of a plant, as one station sees it: a place to send records and messages to, each kept once.

A batch and the station's position are written in one transaction. Whatever comes a second time,
because the link was cut before the station heard that it had arrived, is known by its id.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import sqlalchemy
from sqlalchemy import Connection, Engine, Table, create_engine, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL, make_url

from qc_daemon.domain.errors import ConfigError, IntegrityError, PlantUnavailable
from qc_daemon.domain.outbox import MessageKind, OutboxMessage, Record, RecordKind
from storage.plant_tables import (
    ALARMS,
    CORRECTIONS,
    INSPECTIONS_VIEW,
    LEDGER_HEADS,
    NEWEST_RECORDS,
    PLANT,
    RESULTS,
    SHARES,
    STATIONS,
)

_MIN_VERSION = 15
_SCHEMA_LOCK = 7_421_904  # any number that all stations of this software agree on
_CONNECT = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms; a cut cable is noticed
    "options": "-c statement_timeout=30000 -c lock_timeout=10000 -c timezone=UTC",
    "application_name": "qc-station",
}


def plant_url(url: str, password: str | None) -> URL:
    """Return the URL of a plant's database with the password that a file holds, if there is one.

    Raises:
        ConfigError: it is not that of a PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise ConfigError("plant.url: expected postgresql://USER@HOST/DATABASE") from error
    if parsed.get_backend_name() != "postgresql":
        shown = parsed.render_as_string(hide_password=True)
        raise ConfigError(f'plant.url "{shown}": expected postgresql://USER@HOST/DATABASE')
    with_driver = parsed.set(drivername="postgresql+psycopg")
    return with_driver if password is None else with_driver.set(password=password)


class PlantDatabase:
    """Implements the port Plant for one station; open it with `with`. Nothing connects before it is used.

    Args:
        url: of a PostgreSQL, from `plant_url`.
        station: what the plant calls the station.
        origin_sha256: hash of its ledger's first entry, by which two stations of one name are told apart.
    """

    def __init__(self, url: URL, station: str, origin_sha256: str) -> None:
        self._url, self._station, self._origin_sha256 = url, station, origin_sha256
        self._engine: Engine | None = None
        self._ready = False
        self._newest: dict[RecordKind, int] = {}

    def __enter__(self) -> Self:
        self._engine = create_engine(
            self._url, connect_args=_CONNECT, pool_size=1, max_overflow=0, pool_pre_ping=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def receive(self, messages: Sequence[OutboxMessage]) -> None:
        """Keep messages; on return they are committed. Twice is once.

        Raises:
            IntegrityError: another station has this name.
            PlantUnavailable: the database does not answer, or is too old.
        """
        with self._introduced() as connection:
            for message in messages:
                _KEEP[message.kind](connection, self._station, message, json.loads(message.payload))
            if messages:
                newest = messages[-1]
                connection.execute(
                    STATIONS.update()
                    .where(STATIONS.c.station == self._station, STATIONS.c.sequence < newest.sequence)
                    .values(sequence=newest.sequence, last_message_at=newest.created_at)
                )

    def newest(self, kind: RecordKind) -> int:
        """Return the number of the newest record of this station that is there; raises as `receive` does."""
        if kind not in self._newest:
            here = NEWEST_RECORDS.c.station == self._station, NEWEST_RECORDS.c.kind == kind.value
            with self._introduced() as connection:
                found = connection.scalar(sqlalchemy.select(NEWEST_RECORDS.c.sequence).where(*here))
            self._newest[kind] = found or 0
        return self._newest[kind]

    def keep(self, records: Sequence[Record]) -> None:
        """Keep records of one kind that follow the newest; on return they are committed. Twice is once."""
        kind, last = records[-1].kind, records[-1]
        with self._introduced() as connection:
            for record in records:
                _KEEP_RECORD[kind](connection, self._station, record, json.loads(record.payload))
            row = {"station": self._station, "kind": kind.value, "sequence": last.sequence}
            key = [NEWEST_RECORDS.c.station, NEWEST_RECORDS.c.kind]
            add = insert(NEWEST_RECORDS).values(row)
            connection.execute(
                add.on_conflict_do_update(index_elements=key, set_={"sequence": last.sequence})
            )
        self._newest[kind] = last.sequence

    @contextmanager
    def _introduced(self) -> Iterator[Connection]:
        """One transaction of a station that the plant knows, with all tables there."""
        with self._transaction() as connection:
            if not self._ready:
                _prepare(connection)
            self._introduce(connection)
            yield connection
        self._ready = True

    def _introduce(self, connection: Connection) -> None:
        _add(
            connection,
            STATIONS,
            {"station": self._station, "origin_sha256": self._origin_sha256, "sequence": 0},
        )
        known = connection.scalar(
            sqlalchemy.select(STATIONS.c.origin_sha256).where(STATIONS.c.station == self._station)
        )
        if known != self._origin_sha256:
            raise IntegrityError(
                f'plant: another station is called "{self._station}" there, or this one was called otherwise;'
                " expected one name for each, for ever: plant.station"
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        assert self._engine is not None, "open the plant with `with`"
        try:
            with self._engine.begin() as connection:
                yield connection
        except sqlalchemy.exc.DBAPIError as error:
            where = f"{self._url.host or 'local'}/{self._url.database}"
            reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
            raise PlantUnavailable(f"plant {where}: {reason}") from error


def _prepare(connection: Connection) -> None:
    """Create what is not there, one station at a time."""
    version = int(connection.scalar(text("SHOW server_version_num"))) // 10_000
    if version < _MIN_VERSION:
        raise PlantUnavailable(f"plant: PostgreSQL {version}; expected {_MIN_VERSION} or newer")
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})
    PLANT.create_all(connection)
    connection.execute(text(INSPECTIONS_VIEW))


def _keep_conclusion(
    connection: Connection, station: str, record: Record, content: Mapping[str, Any]
) -> None:
    same = (
        "number", "specimen", "lot", "roll", "position_m", "accepted_at", "concluded_at", "verdict",
        "defects", "reasons", "models",
    )  # fmt: skip
    key = {"station": station, "conclusion_id": content["id"]}
    row = {name: content[name] for name in same} | {
        "sequence": record.sequence,
        "acquisition_id": content["acquisition"],
        "main_fibre": content["class"],
    }
    # Stations of before numbered them by their outbox, which told which is newest no better than this does.
    same_key = [RESULTS.c.station, RESULTS.c.conclusion_id]
    add = insert(RESULTS).values(key | row)
    connection.execute(add.on_conflict_do_update(index_elements=same_key, set_={"sequence": record.sequence}))
    for fibre, share in content["shares"].items():
        percents = {"percent": share["percent"], "lo_percent": share["lo"], "hi_percent": share["hi"]}
        _add(connection, SHARES, key | {"fibre": fibre} | percents)


def _keep_correction(
    connection: Connection, station: str, record: Record, content: Mapping[str, Any]
) -> None:
    _add(connection, CORRECTIONS, {"station": station, "sequence": record.sequence, **content})


def _keep_alarm(
    connection: Connection, station: str, _message: OutboxMessage, content: Mapping[str, Any]
) -> None:
    same = ("code", "subject", "message", "severity", "state", "raised_at", "who", "why")
    row = {name: content[name] for name in same}
    key = {"station": station, "message_id": content["id"]}
    _add(connection, ALARMS, key | row | {"happened_at": content["at"]})


def _keep_ledger_head(
    connection: Connection, station: str, _message: OutboxMessage, content: Mapping[str, Any]
) -> None:
    row = {"sequence": content["sequence"], "sha256": content["sha256"], "sent_at": content["at"]}
    _add(connection, LEDGER_HEADS, {"station": station, "message_id": content["id"]} | row)


_KEEP = {
    MessageKind.ALARM: _keep_alarm,
    MessageKind.LEDGER: _keep_ledger_head,
}


_KEEP_RECORD = {RecordKind.CONCLUSION: _keep_conclusion, RecordKind.CORRECTION: _keep_correction}


def _add(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Add a row, unless it is there."""
    connection.execute(insert(table).values(row).on_conflict_do_nothing())
