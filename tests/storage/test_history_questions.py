"""The ten worked questions of docs/history.md: answered by a real station, through the indexes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders_storage import acquisition, composition, conclusion, specimen, station_store, white_reference
from pysqlite3 import dbapi2

from qc_daemon.domain.defect_points import SizedDefect, score_roll
from qc_daemon.domain.inspection import Defect
from storage.database_url import database_url
from storage.history import run_query
from storage.lab_results import import_lab_file
from storage.questions import QUESTIONS
from storage.roll_views import FOUR_POINT, TEN_POINT

DOCUMENT = (Path(__file__).parents[2] / "docs" / "history.md").read_text("utf-8")
PARAMETERS = {"lot": "L1", "roll": "R1", "lots": "L*", "since": "2020", "specimen": "S-0"}
LAB = (
    "specimen,method,laboratory,date,basis,cotton,polyester\nS-0,ISO 1833-11,SGS,2026-11-25,dry mass,61,39\n"
)
DEFECTS = (
    Defect("hole", 1, 1, 5, 6, 0.02, 0.9, "major"),
    Defect("stain", 3, 4, 9, 2, 0.01, 0.8, "minor"),
    Defect("stain", 3, 9, 2, 9, 0.01, 0.8, "minor"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A roll of four inspections along five metres, the last two a clear fail; one was analysed."""
    folder = tmp_path_factory.mktemp("station")
    white = white_reference(101)
    lab = folder / "lab.csv"
    with station_store(folder) as store:
        store.add_reference(white)
        for seed in range(4):
            spot = specimen(id=f"S-{seed}", position_m=[0.1, 0.2, 4.0, 5.0][seed])
            about = acquisition(seed, white=white, specimen=spot)
            answer = composition(60.0 if seed < 2 else 90.0)
            drawn = conclusion(about, composition=answer, defects=DEFECTS)
            store.add_conclusion(store.add_acquisition(about).number, drawn)
        lab.write_text(LAB)
        import_lab_file(store.transaction, lab, "Li", datetime(2026, 11, 26, tzinfo=UTC))
    return folder


@pytest.fixture
def ask(folder):
    url = database_url(folder / "qc.sqlite3")
    return lambda sql: run_query(url, sql, 5.0, 100, {n: PARAMETERS[n] for n in re.findall(r":(\w+)", sql)})


def test_the_document_has_exactly_these_ten_questions():
    section = DOCUMENT.split("## Ten questions and their SQL\n")[1].split("\n## ")[0]
    pattern = r"^### \d+\. ([^\n]+)\n\n`(\w+)`: columns ((?:`\w+`[,.]\s*)+).*?^```sql\n(.*?)^```"
    documented = [
        (title, name, tuple(re.findall(r"\w+", columns)), sql.strip())
        for title, name, columns, sql in re.findall(pattern, section, re.MULTILINE | re.DOTALL)
    ]
    assert len(documented) == 10
    assert documented == [(one.title, one.name, one.columns, one.sql) for one in QUESTIONS]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_each_question_is_answered_with_its_columns(ask, question):
    answer = ask(question.sql)
    assert answer.columns == question.columns
    assert answer.rows


def test_answers_are_right(ask):
    by_name = {question.name: ask(question.sql).rows for question in QUESTIONS}
    assert [row[0] for row in by_name["roll_readings"]] == [1, 2, 3, 4]
    assert [row[:3] for row in by_name["roll_fails"]] == [
        (3, 4.0, "cotton"), (3, 4.0, "polyester"), (4, 5.0, "cotton"), (4, 5.0, "polyester"),
    ]  # fmt: skip
    assert [row[2:] for row in by_name["share_drift"]] == [
        ("cotton", 4, 15.0, 30.0),
        ("polyester", 4, -15.0, 30.0),
    ]
    assert [row[:5] for row in by_name["lab_coverage"]] == [
        ("cotton/polyester", "cotton", 1, -1.0, 1.0), ("cotton/polyester", "polyester", 1, 1.0, 1.0),
    ]  # fmt: skip
    assert by_name["references_per_day"] == (("2026-11-24", "6100023", "PTFE-12", 1, 4),)
    assert [row[8] for row in by_name["specimen_history"]] == [61.0, 39.0]


@pytest.mark.parametrize("rule", [FOUR_POINT, TEN_POINT], ids=lambda rule: rule.name)
def test_the_view_gives_the_points_that_the_domain_gives(ask, rule):
    sized = [
        SizedDefect(one.kind, position_m, one.height_px * 1.7e-3, one.width_px * 1.7e-3)
        for position_m in (0.1, 0.2, 4.0, 5.0)
        for one in DEFECTS
    ]
    (row,) = ask(
        "SELECT points, points_per_100_yd2, accepted, inspected_area_mm2 FROM v_roll_points"
        f" WHERE lot = 'L1' AND roll = 'R1' AND rule = '{rule.name}'"
    ).rows
    score = score_roll(sized, row[3], rule)
    assert row[:3] == (score.points, score.per_100_yd2, score.accepted) == (score.points, None, None)
    assert 0 < row[3] < 4 * 24 * 32 * (1.7e-3) ** 2


@pytest.mark.parametrize(
    "where",
    [
        "v_inspections WHERE lot = 'L1'", "v_inspections WHERE lot = 'L1' AND roll = 'R1'",
        "v_inspections WHERE specimen = 'S-1'", "v_inspections WHERE number = 3",
        "v_fibre_shares WHERE lot = 'L1'", "v_fibre_shares WHERE specimen = 'S-1'",
        "v_defects WHERE lot = 'L1' AND roll = 'R1'", "v_rolls WHERE lot = 'L1'",
        "v_rolls WHERE lot = 'L1' AND roll = 'R1'", "v_roll_points WHERE lot = 'L1' AND roll = 'R1'",
        "v_lots WHERE lot = 'L1'", "v_lab_results WHERE specimen = 'S-1'",
    ],
)  # fmt: skip
def test_one_lot_roll_or_specimen_is_found_by_an_index(folder, where):
    connection = dbapi2.connect(folder / "qc.sqlite3")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {where}")]
    connection.close()
    big = r"SCAN (a|acquisitions|c|conclusions|f|fibre_shares|d|defects|s|reasons|reports)\b"
    assert not [step for step in plan if re.match(big, step)], plan
