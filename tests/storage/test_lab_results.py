"""Laboratory results come in whole or not at all, and stand beside what the station said."""

from datetime import UTC, datetime

import pytest
from builders_storage import acquisition, composition, conclusion, specimen, station_store

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.lab_comparison import compare, compared_shares
from storage.lab_csv import read_lab_csv
from storage.lab_results import analysed_inspections, confirmed_specimens, import_lab_file

HEADER = "specimen,method,laboratory,date,basis,cotton,polyester\n"
GOOD = HEADER + "S-1,ISO 1833-11,SGS,2026-11-25,dry mass,61.5,38.5\n"
AT = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with station_store(tmp_path / "station") as opened:
        for seed, name in enumerate(("S-1", "S-1", "S-2")):
            about = acquisition(seed, specimen=specimen(id=name))
            answer = composition(60.0 + 3 * seed, basis="dry mass")
            number = opened.add_acquisition(about).number
            opened.add_conclusion(number, conclusion(about, composition=answer))
        yield opened


@pytest.fixture
def bring(store, tmp_path):
    def bring_in(content: str):
        path = tmp_path / "lab.csv"
        path.write_text(content, "utf-8")
        return import_lab_file(store.transaction, path, "Li", AT)

    return bring_in


def count(store) -> int:
    with store.reading() as session:
        return session.connection().exec_driver_sql("SELECT count(*) FROM lab_results").scalar()


def test_twice_is_once_and_unknown_specimens_are_named(store, bring):
    first = bring(GOOD + "X-9,ISO 1833-11,SGS,2026-11-25,dry mass,50,50\n")
    assert (first.added, first.known, first.never_inspected) == (2, 0, ("X-9",))
    assert (bring(GOOD).added, bring(GOOD).known, count(store)) == (0, 1, 2)


def test_an_import_is_bound_into_the_ledger_with_who_brought_it(store, bring):
    bring(GOOD)
    with store.reading() as session:
        query = "SELECT kind, subject, actor FROM ledger WHERE table_name = 'lab_results'"
        assert session.connection().exec_driver_sql(query).all() == [("lab_result", "S-1", "Li")]


def test_a_stored_result_is_not_replaced(store, bring):
    bring(GOOD)
    with pytest.raises(
        InputError, match=r"specimen S-1, .* is stored with other shares; expected a new date"
    ):
        bring(GOOD.replace("61.5,38.5", "60,40"))
    assert count(store) == 1


def test_the_station_is_compared_with_the_laboratory(store, bring):
    bring(GOOD)
    with store.reading() as session:
        cotton, polyester = compare(compared_shares(analysed_inspections(session)))
    assert (cotton.fibre, cotton.inspections, cotton.specimens) == ("cotton", 2, 1)
    assert cotton.bias_pp == pytest.approx((60 - 61.5 + 63 - 61.5) / 2)
    assert cotton.coverage == 1.0
    assert polyester.bias_pp == pytest.approx(-cotton.bias_pp)


def test_a_result_on_another_mass_basis_is_met_there(store, bring):
    bring(GOOD.replace("dry mass", "agreed allowances"))
    with store.reading() as session:
        cotton, _ = compare(compared_shares(analysed_inspections(session)))
    # 8.5 % moisture of cotton and 1.5 % of polyester: 60 % of dry mass are 61.59 %, 63 % are 64.54 %.
    said = [100 * dry * 1.085 / (dry * 1.085 + (100 - dry) * 1.015) for dry in (60.0, 63.0)]
    assert said == pytest.approx([61.59, 64.54], abs=0.01)
    assert cotton.bias_pp == pytest.approx(sum(said) / 2 - 61.5)
    assert (cotton.basis, cotton.compared_on) == ("dry mass", "agreed allowances")


def test_the_newest_result_of_a_specimen_confirms_all_its_inspections(store, bring):
    bring(GOOD + "S-1,ISO 1833-11,SGS,2026-11-27,dry mass,62,38\n")
    with store.reading() as session:
        confirmed = [
            (one.number, one.specimen, one.shares[0].percent) for one in confirmed_specimens(session)
        ]
    assert confirmed == [(1, "S-1", 62.0), (2, "S-1", 62.0)]


def test_a_fibre_that_only_one_side_names_has_nought_on_the_other(store, bring):
    bring("specimen,method,laboratory,date,basis,cotton,wool\nS-2,m,l,2026-11-25,dry mass,60,40\n")
    with store.reading() as session:
        rows = session.connection().exec_driver_sql(
            "SELECT fibre, lab_percent, percent, covered FROM v_lab_results ORDER BY fibre"
        )
        assert rows.all() == [
            ("cotton", 60.0, 66.0, 0),
            ("polyester", 0.0, 34.0, 0),
            ("wool", 40.0, None, None),
        ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no result"),
        (HEADER, "holds no result"),
        ("specimen,cotton\nS-1,100\n", 'row 1: has 0 columns "method"; expected one each of specimen'),
        (GOOD.replace("polyester", "unobtainium"), 'row 1: column "unobtainium" is no known fibre'),
        (GOOD.replace("polyester", "棉"), "row 1: names a fibre twice"),
        (GOOD.replace("38.5", "48.5"), "row 2: the fibres sum to 110 %; expected 100 %"),
        (GOOD.replace("38.5", "abc"), 'row 2, column polyester: "abc"; expected percent'),
        (GOOD.replace("38.5", "nan"), 'row 2, column polyester: "nan"; expected percent'),
        (GOOD.replace("61.5,38.5", "-1,101"), 'row 2, column cotton: "-1"; expected percent'),
        (GOOD.replace("2026-11-25", "25.11.2026"), 'row 2, column date: "25.11.2026"; expected a date'),
        (GOOD.replace("dry mass", ""), "row 2: basis is empty"),
        (GOOD.replace("dry mass", "wet"), 'row 2, column basis: "wet"; expected one of dry mass, agreed'),
        (GOOD.replace(",38.5", ""), "row 2: has 6 cells; expected 7"),
        (GOOD + GOOD.splitlines()[1], "row 3: the same specimen, method, laboratory and date as row 2"),
    ],
)
def test_a_bad_file_is_one_line_that_names_row_and_column(content, message):
    with pytest.raises(InputError) as refused:
        read_lab_csv(content.encode(), "lab.csv")
    assert str(refused.value).startswith("lab.csv")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_bad_row_leaves_the_whole_file_out(store, bring):
    with pytest.raises(InputError, match="row 3"):
        bring(GOOD + "S-2,ISO 1833-11,SGS,2026-11-25,dry mass,61.5,99\n")
    assert count(store) == 0


def test_a_file_with_a_byte_order_mark_and_chinese_columns_is_read():
    content = "\ufeff" + GOOD.replace("cotton,polyester", "棉,涤纶")
    (result,) = read_lab_csv(content.encode(), "lab.csv")
    assert [share.fibre for share in result.shares] == ["cotton", "polyester"]


def test_bytes_that_are_no_text_are_one_line():
    with pytest.raises(InputError, match="byte 0 is not UTF-8"):
        read_lab_csv(b"\xff\xfe", "lab.csv")
