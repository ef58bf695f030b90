"""The ledger: what gets an entry, what it binds, and how an auditor checks it without this software."""

import hashlib
import json
from contextlib import closing
from pathlib import Path

import pytest
from builders_storage import NOON, acquisition, conclusion, same, station_store, white_reference
from old_stations import take_back
from pysqlite3 import dbapi2
from sqlalchemy import update

from qc_daemon.domain.errors import InputError, IntegrityError
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.domain.ledger import LedgerHead
from storage.fsck import check_station
from storage.ledger import append
from storage.ledger_anchors import read_anchors, write_anchor
from storage.ledger_check import check_ledger
from storage.tables import ModelActivationRow


@pytest.fixture
def station(tmp_path) -> Path:
    """A stopped station with one inspection."""
    folder = tmp_path / "station"
    with station_store(folder) as store:
        about = acquisition()
        store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
    return folder


def rows(station: Path, query: str) -> list[dict]:
    with closing(dbapi2.connect(station / "qc.sqlite3")) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def canonical(values: dict) -> bytes:
    """The bytes of docs/history.md, made with the standard library alone."""
    present = {name: value for name, value in values.items() if value is not None}
    return json.dumps(present, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_each_row_gets_an_entry_in_its_transaction(station):
    kinds = [entry["kind"] for entry in rows(station, "SELECT kind FROM ledger ORDER BY sequence")]
    assert kinds == [
        "genesis", "instrument", "instrument", "reference", "acquisition", "model", "model", "conclusion",
    ]  # fmt: skip
    assert check_ledger(station).problems == ()


def test_an_auditor_recomputes_the_chain_and_an_acquisition_without_our_code(station):
    previous = "0" * 64
    for entry in rows(station, "SELECT * FROM ledger ORDER BY sequence"):
        sha256 = entry.pop("sha256")
        assert entry["previous_sha256"] == previous
        assert hashlib.sha256(canonical(entry)).hexdigest() == sha256
        previous = sha256
    (row,) = rows(station, "SELECT * FROM acquisitions")
    row["declared_fibres"] = rows(
        station, "SELECT * FROM declared_fibres WHERE acquisition_number = 1 ORDER BY position"
    )
    (entry,) = rows(station, "SELECT * FROM ledger WHERE table_name = 'acquisitions' AND row_key = 1")
    assert hashlib.sha256(canonical(row)).hexdigest() == entry["content_sha256"]


def test_a_refused_transaction_leaves_no_entry(station):
    with station_store(station) as store:
        before = store.ledger_head()
        with pytest.raises(RuntimeError), store.transaction() as session:
            session.add(ModelActivationRow(role="r", name="n", digest="d", activated_at=NOON))
            session.flush()
            raise RuntimeError
        assert store.ledger_head() == before
    assert check_ledger(station).problems == ()


def test_a_row_that_is_written_once_cannot_be_changed_through_the_station(station):
    with station_store(station) as store:
        store.activate_model(ModelVersion("composition", "isic-7", "ab" * 32))
        with pytest.raises(IntegrityError, match="is written once"), store.transaction() as session:
            session.get_one(ModelActivationRow, 1).name = "another"
    assert check_ledger(station).problems == ()


def test_a_change_past_the_ledger_is_found_even_if_the_station_made_it(station):
    with station_store(station) as store:
        store.activate_model(ModelVersion("composition", "isic-7", "ab" * 32))
        with store.transaction() as session:
            session.execute(update(ModelActivationRow).values(name="another"))
    (problem,) = check_ledger(station).problems
    assert problem.startswith("model_activations 1 was altered after ledger entry")


def test_what_has_no_row_of_its_own_is_held_by_the_ledger(station):
    content = {"key": "judgement.rule", "old": "gb-t-29862-2013", "new": "eu-1007-2011", "limit": 2.5}
    with station_store(station) as store, store.transaction() as session:
        added = append(session, "configuration", "judgement.rule", content, NOON, "Li Na")
    with station_store(station) as store:
        assert store.ledger_head() == added
        assert store.ledger_entry(added.sequence) == added
        assert store.ledger_entry(added.sequence + 1) is None
    (entry,) = rows(station, "SELECT * FROM v_ledger WHERE kind = 'configuration'")
    assert (json.loads(entry["content"]), entry["actor"]) == (content, "Li Na")
    assert check_ledger(station).problems == ()


def test_a_cut_tail_is_found_by_a_head_that_was_written_down(station, tmp_path):
    anchors = tmp_path / "anchors.txt"
    with station_store(station) as store:
        store.activate_model(ModelVersion("composition", "isic-7", "ab" * 32))
        write_anchor(anchors, store.ledger_head(), NOON)
    assert check_ledger(station, anchors=read_anchors(anchors)).problems == ()
    with closing(dbapi2.connect(station / "qc.sqlite3")) as connection, connection:
        connection.execute("DELETE FROM model_activations")
        connection.execute("DELETE FROM ledger WHERE sequence = (SELECT max(sequence) FROM ledger)")
    assert check_ledger(station).problems == ()  # nobody can tell from the database alone
    (problem,) = check_ledger(station, anchors=read_anchors(anchors)).problems
    assert problem == "ledger entry 9 is missing, but anchors.txt line 1 holds it"


def test_a_chain_that_was_made_anew_is_found_by_a_head_that_was_written_down(station, tmp_path):
    anchors = tmp_path / "anchors.txt"
    write_anchor(anchors, LedgerHead(3, "ab" * 32), NOON)
    (problem,) = check_ledger(station, anchors=read_anchors(anchors)).problems
    assert problem == "ledger entry 3 is not the one that anchors.txt line 1 holds"


def test_a_line_that_is_no_head_is_one_clear_line(tmp_path):
    anchors = tmp_path / "anchors.txt"
    write_anchor(anchors, LedgerHead(3, "ab" * 32), NOON)
    with anchors.open("a") as file:
        file.write("yesterday 4\n")
    with pytest.raises(
        InputError, match=r'anchors\.txt line 2 is "yesterday 4"; expected MOMENT ENTRY SHA256'
    ):
        read_anchors(anchors)


def test_a_station_of_software_before_keeps_its_data_and_gets_a_ledger(tmp_path):
    station, white = tmp_path / "station", white_reference()
    abouts = [acquisition(seed, white=white) for seed in range(3)]
    drawn = [conclusion(about) for about in abouts]
    with station_store(station) as store:
        for about, its in zip(abouts, drawn, strict=True):
            store.add_conclusion(store.add_acquisition(about).number, its)
    take_back(station / "qc.sqlite3", "0003")
    with station_store(station) as store:
        for number, (about, its) in enumerate(zip(abouts, drawn, strict=True), 1):
            assert same(store.load_acquisition(number), about)
            stored = store.load_conclusion(number)
            assert (stored.id, stored.verdict) == (its.id, its.verdict)
            assert same(stored.composition, its.composition)
        about = acquisition(9, white=white)
        store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
    actors = rows(station, "SELECT actor, count(*) AS entries FROM ledger GROUP BY actor")
    assert {one["actor"] for one in actors} == {"station", "upgrade"}
    assert check_ledger(station).problems == ()
    assert check_station(station).ok
