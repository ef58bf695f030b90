"""What would have been inferred without cleaning is kept, shown and covered by the ledger."""

import shutil
from dataclasses import replace

import pytest
from builders_storage import acquisition, composition, conclusion, station_store
from pysqlite3 import dbapi2

from storage.history import run_query
from storage.ledger_check import check_ledger
from storage.station_folder import StationFolder


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    """One conclusion with uncleaned shares and one without."""
    folder = tmp_path_factory.mktemp("station")
    with station_store(folder) as store:
        for uncleaned in (composition(cotton=48.0).shares, ()):
            about = acquisition()
            number = store.add_acquisition(about).number
            store.add_conclusion(number, replace(conclusion(about), uncleaned=uncleaned))
    return folder


def test_a_conclusion_comes_back_with_its_uncleaned_shares(station):
    with station_store(station) as store:
        assert store.load_conclusion(1).uncleaned == composition(cotton=48.0).shares
        assert store.load_conclusion(2).uncleaned == ()


def test_the_view_shows_them_beside_the_shares(station):
    sql = "SELECT number, fibre, percent, uncleaned_percent FROM v_fibre_shares ORDER BY number, fibre"
    url = f"sqlite:///{StationFolder(station).database}"
    assert run_query(url, sql, 10, 100).rows == (
        (1, "cotton", 60.0, 48.0),
        (1, "polyester", 40.0, 52.0),
        (2, "cotton", 60.0, None),
        (2, "polyester", 40.0, None),
    )


def test_one_that_was_changed_is_found_by_the_ledger(station, tmp_path):
    folder = tmp_path / "station"
    shutil.copytree(station, folder)
    assert not check_ledger(folder).problems
    with dbapi2.connect(StationFolder(folder).database) as database:
        database.execute("UPDATE uncleaned_shares SET percent = 47, lo_percent = 46 WHERE position = 0")
    assert check_ledger(folder).problems
