import json
import re

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject
from test_period_reports import daily_report, lot_report

from qc_daemon.domain.errors import InputError
from reports.daily_report import daily_sheet
from reports.lot_report import lot_sheet
from reports.period_verification import check_period_report, is_period_report
from reports.seal import PLACEHOLDER, is_intact, sealed
from reports.typesetting import typeset


@pytest.fixture(scope="module")
def lot():
    return typeset(lot_sheet(lot_report(*[60.0 + 0.1 * k for k in range(12)], rolls=6), "both"))


@pytest.fixture(scope="module")
def day():
    return typeset(daily_sheet(daily_report(), "both"))


def test_a_report_of_a_lot_as_it_was_written_has_no_problem(lot):
    found = check_period_report(lot, "lot.pdf")
    assert found.problems == ()
    assert any("zh and en" in line for line in found.checked)
    assert found.ledger.sequence == 5


def test_a_report_of_a_day_as_it_was_written_has_no_problem(day):
    found = check_period_report(day, "day.pdf")
    assert found.problems == ()
    assert found.ledger is None


def test_a_changed_byte_breaks_the_seal(lot):
    place = lot.index(b"/Keywords") + 30
    changed = lot[:place] + bytes([lot[place] ^ 1]) + lot[place + 1 :]
    assert any("seal" in problem for problem in check_period_report(changed, "lot.pdf").problems)


def forged(pdf, tmp_path, change):
    """The same report with another record, sealed anew."""
    (tmp_path / "x.pdf").write_bytes(pdf)
    writer = PdfWriter(clone_from=tmp_path / "x.pdf")
    (file,) = [entry.get_object() for entry in writer.root_object["/AF"]]
    record = json.loads(file["/EF"]["/F"].get_object().get_data())
    change(record)
    stream = DecodedStreamObject()
    stream.set_data(json.dumps(record).encode())
    for key in file["/EF"]:
        file["/EF"][NameObject(key)] = writer._add_object(stream)
    writer.write(tmp_path / "y.pdf")
    return sealed(re.sub(rb"sha256:[0-9a-f]{64}", PLACEHOLDER.encode(), (tmp_path / "y.pdf").read_bytes()))


def test_a_forged_record_under_a_new_seal_contradicts_the_pages(lot, day, tmp_path):
    def fail_one(record):
        record["inspections"][3]["verdict"]["outcome"] = "FAIL"

    def forget_one(record):
        record["inspections"] = record["inspections"][1:]

    for pdf, change, named in ((lot, fail_one, "inspection 4"), (day, forget_one, "verdicts of lot L-0")):
        false = forged(pdf, tmp_path, change)
        assert is_intact(false)
        problems = check_period_report(false, "x.pdf").problems
        assert problems and all(named in problem for problem in problems)


def test_what_is_no_report_of_a_period_is_told_apart(lot):
    assert is_period_report(lot)
    assert not is_period_report(b"%PDF-1.7")
    with pytest.raises(InputError, match=r"x\.pdf"):
        check_period_report(b"text", "x.pdf")
