"""The server of a station down, cut off, locked or slow: acquisitions go on and come in, in order, once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from builders_storage import (
    SPECTROMETER,
    acquisition,
    conclusion,
    same,
    station_store,
    white_reference,
)
from postgres_server import Link, RealPostgres

from qc_daemon.domain.errors import InputError, StoreUnavailable
from storage import postgres
from storage.fsck import check_station
from storage.inspection_store import SqlInspectionStore
from storage.ledger_check import check_ledger

ROWS = "SELECT number, id FROM acquisitions ORDER BY number"


@pytest.fixture
def database(server: RealPostgres, request: pytest.FixtureRequest) -> str:
    name = f"outage_{abs(hash(request.node.name)) % 10**12}"
    server.new_database(name)
    return name


@pytest.fixture
def link(server: RealPostgres) -> Iterator[Link]:
    link = Link(server)
    yield link
    link.close()


@pytest.fixture
def store(link: Link, database: str, tmp_path: Path) -> Iterator[SqlInspectionStore]:
    with station_store(tmp_path, url=link.url(database)) as opened:
        yield opened


@pytest.fixture
def somebody(server: RealPostgres, database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Another user of the database."""
    with psycopg.connect(server.url(database)) as connection:
        yield connection


def require_whole(server: RealPostgres, database: str, folder: Path, ids: list[str]) -> None:
    """Each acquisition is there once, under its number, and nothing else is."""
    assert server.rows(database, ROWS) == list(enumerate(ids, start=1))
    assert check_station(folder, server.url(database)).problems == ()
    assert check_ledger(folder, server.url(database)).problems == ()
    assert list((folder / "journal").glob("*.acq")) == []


def wait_until(true: Callable[[], bool], timeout_s: float = 20.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.02)


def test_acquisitions_go_on_while_the_server_is_dead_and_come_in_after_its_restart(
    store: SqlInspectionStore, server: RealPostgres, database: str, tmp_path: Path
) -> None:
    white = white_reference()
    store.add_reference(white)
    abouts = [acquisition(seed, white=white) for seed in range(4)]
    store.add_acquisition(abouts[0])
    server.kill()
    for number, about in enumerate(abouts[1:], start=2):
        assert same(store.current_reference(SPECTROMETER.serial), white)  # it can still be measured with
        assert store.add_acquisition(about).number == number
        with pytest.raises(StoreUnavailable, match="waits in the journal"):
            store.add_conclusion(number, conclusion(about))
    assert store.accepting
    assert store.drain() == 3
    assert same(store.load_acquisition(3), abouts[2])  # from the journal
    server.start()
    assert store.drain() == 0
    drawn = conclusion(abouts[3])
    store.add_conclusion(4, drawn)
    assert same(store.load_conclusion(4), drawn)
    with pytest.raises(InputError, match="inspection 3 is UNDECIDED"):
        store.load_conclusion(3)
    require_whole(server, database, tmp_path, [about.id for about in abouts])


def test_what_was_committed_without_the_station_hearing_of_it_is_not_doubled(
    store: SqlInspectionStore, link: Link, server: RealPostgres, database: str, tmp_path: Path
) -> None:
    abouts = [acquisition(seed) for seed in range(3)]
    store.add_acquisition(abouts[0])
    link.cut_before_the_answer_to(b"COMMIT")
    assert store.add_acquisition(abouts[1]).number == 2
    wait_until(lambda: len(server.rows(database, ROWS)) == 2)
    assert store.drain() == 1  # the station does not know that it is there
    link.mend()
    assert store.add_acquisition(abouts[2]).number == 3
    assert store.drain() == 2  # the server takes the lost connection for the one that writes ...
    link.cut()
    link.mend()
    wait_until(lambda: store.drain() == 0)  # ... until it notices
    require_whole(server, database, tmp_path, [about.id for about in abouts])


def test_a_station_that_ends_while_the_server_is_away_goes_on_where_it_was(
    link: Link, server: RealPostgres, database: str, tmp_path: Path
) -> None:
    abouts = [acquisition(seed) for seed in range(3)]
    with station_store(tmp_path, url=link.url(database)) as store:
        store.add_acquisition(abouts[0])
        link.cut()
        store.add_acquisition(abouts[1])
    with pytest.raises(StoreUnavailable) as refused:
        station_store(tmp_path, url=link.url(database)).__enter__()
    assert str(link.port) in str(refused.value)
    assert "\n" not in str(refused.value)
    link.mend()
    with station_store(tmp_path, url=link.url(database)) as store:
        assert store.recover().drained.stored == (2,)
        assert store.add_acquisition(abouts[2]).number == 3
    require_whole(server, database, tmp_path, [about.id for about in abouts])


def test_a_lock_of_somebody_else_does_not_stop_the_line(
    store: SqlInspectionStore,
    somebody: psycopg.Connection[tuple[object, ...]],
    server: RealPostgres,
    database: str,
    tmp_path: Path,
) -> None:
    somebody.execute("LOCK TABLE acquisitions IN ACCESS EXCLUSIVE MODE")
    abouts = [acquisition(seed) for seed in range(2)]
    began_s = time.monotonic()
    assert [store.add_acquisition(about).number for about in abouts] == [1, 2]
    assert time.monotonic() - began_s < 10.0
    assert store.drain() == 2
    somebody.rollback()
    assert store.drain() == 0
    require_whole(server, database, tmp_path, [about.id for about in abouts])


def test_a_server_that_is_slow_is_not_waited_for(
    link: Link,
    somebody: psycopg.Connection[tuple[object, ...]],
    server: RealPostgres,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "_STATEMENT_WAIT_MS", 200)
    about = acquisition()
    with station_store(tmp_path, url=link.url(database)) as store:
        somebody.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'"
        )
        somebody.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON acquisitions FOR EACH ROW EXECUTE FUNCTION slow()"
        )
        somebody.commit()
        assert store.add_acquisition(about).number == 1
        assert store.drain() == 1
        somebody.execute("DROP TRIGGER slow ON acquisitions")
        somebody.commit()
        assert store.drain() == 0
    require_whole(server, database, tmp_path, [about.id])


def test_a_database_without_its_tables_stops_the_station_and_the_journal_keeps_what_came(
    store: SqlInspectionStore, somebody: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    store.add_acquisition(acquisition(0))
    somebody.execute("ALTER TABLE open_work RENAME TO elsewhere")
    somebody.commit()
    with pytest.raises(StoreUnavailable, match='relation "open_work" does not exist') as stopped:
        store.add_acquisition(acquisition(1))
    assert "\n" not in str(stopped.value)
    assert not store.accepting
    assert len(list((tmp_path / "journal").glob("*.acq"))) == 1
