"""A view as a file: whole or absent, typed in Parquet, harmless in a spreadsheet."""

import csv
from datetime import UTC, datetime

import pytest
from builders_storage import acquisition, conclusion, specimen, station_store
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from pysqlite3 import dbapi2

from qc_daemon.domain.errors import InputError, StoreUnavailable
from storage.database_url import database_url
from storage.history_export import armoured, export_view
from storage.views import VIEWS

FORMULA = '=HYPERLINK("http://evil","-")'


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("station")
    with station_store(folder) as store:
        for seed, name in enumerate((FORMULA, "'quoted", "棉, 60", "two\nlines")):
            about = acquisition(seed, specimen=specimen(id=name, position_m=-0.5))
            number = store.add_acquisition(about).number
            if seed:
                store.add_conclusion(number, conclusion(about))
    return database_url(folder / "qc.sqlite3")


def test_a_csv_file_gives_each_text_back_and_holds_no_formula(url, tmp_path):
    out = tmp_path / "v.csv"
    assert export_view(url, "v_inspections", "csv", out) == 4
    with out.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["specimen"] for row in rows] == [f"'{FORMULA}", "''quoted", "棉, 60", "two\nlines"]
    assert {row["position_m"] for row in rows} == {"-0.5"}
    assert rows[0]["class"] == ""


@given(st.text())
def test_taking_one_apostrophe_off_gives_an_armoured_text_back(text):
    cell = armoured(text)
    assert isinstance(cell, str)
    assert cell.removeprefix("'") == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


def test_numbers_are_not_armoured():
    assert armoured(-0.5) == -0.5
    assert armoured(None) is None


def test_parquet_has_real_types_and_the_texts_as_they_are(url, tmp_path):
    out = tmp_path / "v.parquet"
    assert export_view(url, "v_inspections", "parquet", out) == 4
    rows = parquet.read_table(out).to_pylist()
    assert [row["specimen"] for row in rows] == [FORMULA, "'quoted", "棉, 60", "two\nlines"]
    assert isinstance(rows[0]["accepted_at"], datetime)
    assert rows[1]["concluded_at"] == datetime(2026, 11, 24, 12, 0, 2, tzinfo=UTC)
    assert (rows[0]["defects"], rows[1]["defects"], rows[1]["novelty"]) == (None, 2, 1.25)


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_can_be_exported(url, tmp_path, view):
    out = tmp_path / "v.parquet"
    count = export_view(url, view, "parquet", out)
    assert parquet.read_table(out).num_rows == count


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_more_rows_than_one_batch_are_written_in_order(url, tmp_path, monkeypatch, file_format):
    monkeypatch.setattr("storage.history_export._ROWS_AT_ONCE", 3)
    out = tmp_path / "v"
    assert export_view(url, "v_inspections", file_format, out) == 4
    if file_format == "parquet":
        assert parquet.read_table(out)["number"].to_pylist() == [1, 2, 3, 4]


def test_an_unknown_view_is_one_line_with_those_there_are(url, tmp_path):
    with pytest.raises(InputError, match=r'view "v_x" does not exist; expected one of v_alarms, .*v_rolls'):
        export_view(url, "v_x", "csv", tmp_path / "v.csv")


def test_a_file_that_exists_is_left_alone(url, tmp_path):
    out = tmp_path / "v.csv"
    out.write_text("mine")
    with pytest.raises(InputError, match="exists; expected the name of a new file"):
        export_view(url, "v_rolls", "csv", out)
    assert out.read_text() == "mine"


def test_a_folder_that_is_not_there_is_one_line(url, tmp_path):
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        export_view(url, "v_rolls", "csv", tmp_path / "nowhere" / "v.csv")


def test_an_export_that_dies_leaves_no_file(url, tmp_path, monkeypatch):
    def dies(_cursor):
        raise dbapi2.OperationalError("disk I/O error")
        yield

    monkeypatch.setattr("storage.history_export._batches", dies)
    with pytest.raises(StoreUnavailable, match="disk I/O error"):
        export_view(url, "v_rolls", "csv", tmp_path / "v.csv")
    assert list(tmp_path.iterdir()) == []
