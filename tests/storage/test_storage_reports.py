"""Reports from the rows of a station: surroundings, retired images, lots, days, and what is recorded."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from builders_storage import (
    NOON,
    acquisition,
    check_run,
    conclusion,
    specimen,
    station_store,
)

from qc_daemon.commands.verify import verify
from qc_daemon.domain.errors import InputError, Retired
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.people import Signature, SignatureMeaning
from qc_daemon.domain.retention import EvidenceKind
from qc_daemon.domain.sampling import SamplingPlan, judge_lot
from qc_daemon.domain.surroundings import SignedBy
from reports.certificate import certificate_sheet
from reports.content import certificate_content
from reports.record import sha256
from reports.typesetting import typeset
from storage.people import SqlPeopleBook
from storage.period_rows import add_period_report
from storage.recorded_reports import find_report
from storage.report_reader import SqlReportReader


@pytest.fixture()
def store(tmp_path):
    with station_store(tmp_path) as opened:
        yield opened


def inspected(store, seed=0, **changes):
    about = acquisition(seed, specimen=specimen(**changes))
    number = store.add_acquisition(about).number
    drawn = conclusion(about)
    store.add_conclusion(number, drawn)
    return number, drawn


def test_what_surrounds_an_inspection_is_its_roll_its_ledger_and_the_conclusion_before(store):
    first, _ = inspected(store, 1, id="A", lot="L", roll="R", position_m=1.0)
    number, before = inspected(store, 2, id="B", lot="L", roll="R", position_m=8.0)
    inspected(store, 3, id="C", lot="L", roll="other", position_m=3.0)
    again = conclusion(store.load_acquisition(number))
    store.add_conclusion(number, again)
    around = SqlReportReader(store).surroundings(number)
    assert [(place.number, place.position_m) for place in around.positions] == [(first, 1.0), (number, 8.0)]
    assert around.replaces == before.id
    assert around.ledger == store.ledger_head()
    assert around.signatures == () and around.retired_image is None
    assert SqlReportReader(store).surroundings(first).replaces == ""


def test_the_newest_check_before_the_measurement_is_named_and_none_after_it(store):
    about = acquisition(1)
    store.add_reference(about.white)
    store.add_check(check_run(about.white, done_at=about.triggered_at - timedelta(hours=2)))
    number = store.add_acquisition(about).number
    store.add_conclusion(number, conclusion(about))
    store.add_check(check_run(about.white, id="later-" + "0" * 30, done_at=about.triggered_at + timedelta(1)))
    (check,) = SqlReportReader(store).surroundings(number).checks
    assert check.done_at == about.triggered_at - timedelta(hours=2)


def test_an_image_that_retention_let_go_leaves_a_certificate_that_says_when_and_by_which_rule(
    store, tmp_path
):
    number, _ = inspected(store, 1)
    digest = sha256(store.load_acquisition(number).frame.encoded)
    retire(store, tmp_path, digest, "older than 90 days")
    with pytest.raises(Retired):
        store.load_acquisition(number)
    found, drawn, around = SqlReportReader(store).load(number)
    assert found.frame is None and drawn.cleaned is None
    page = certificate_content(number, found, drawn, "Line 3", around).pages["en"]
    assert page.micrograph_notes == (
        f"Image retired on {around.retired_image.retired_at:%Y-%m-%d} by rule older than 90 days; "
        f"SHA-256 {digest}.",
    )
    assert "not looked for" not in " ".join(page.defects)
    assert typeset(
        certificate_sheet(certificate_content(number, found, drawn, "Line 3", around), "en")
    ).startswith(b"%PDF")


def retire(store, folder: Path, digest: str, rule: str):
    """Let one content go as retention does: a row, and the file is gone."""
    from storage.blobs import BlobStore
    from storage.retention_tables import RetiredContentRow

    path = BlobStore(folder / "blobs").path_of(digest)
    with store.transaction() as session:
        session.add(
            RetiredContentRow(
                sha256=digest,
                path="",
                kind=EvidenceKind.IMAGE.value,
                size_bytes=path.stat().st_size,
                rule=rule,
                retired_at=NOON,
            )
        )
    path.unlink()


def test_a_lot_is_read_with_the_figures_that_its_judgement_needs(store):
    for seed in range(4):
        inspected(store, seed, id=f"S{seed}", lot="L-9", roll=f"R{seed % 2}", position_m=float(seed))
    undecided = store.add_acquisition(acquisition(9, specimen=specimen(id="S9", lot="L-9"))).number
    record = SqlReportReader(store).lot("L-9")
    assert record.undecided == (undecided,)
    assert [one.figures.specimen for one in record.inspections] == ["S0", "S1", "S2", "S3"]
    judgement = judge_lot([one.figures for one in record.inspections], record.rule, SamplingPlan(2, 2))
    assert judgement.usable_rolls == 2
    assert judgement.shares[0].mean.percent == pytest.approx(60.0, abs=0.5)
    with pytest.raises(InputError, match='lot "none": nothing of it was inspected'):
        SqlReportReader(store).lot("none")


def test_a_day_is_read_with_its_inspections_states_and_alarms_and_no_other_day(store):
    number, _ = inspected(store, 1)
    accepted_at = store.find(str(number))[0].accepted_at
    for state, hours in (("ready", -30), ("lost", 0), ("ready", 1)):
        store.add_event(f"instrument_{state}", "camera", "serial 1", accepted_at + timedelta(hours=hours))
    reader = SqlReportReader(store)
    day = reader.day(accepted_at.date())
    assert [one.number for one in day.inspections] == [number]
    assert [change.state for change in day.changes][:2] == ["ready", "lost"]
    assert day.ledger == store.ledger_head()
    other = reader.day((accepted_at + timedelta(days=3)).date())
    assert other.inspections == () and other.alarms == () and other.defects == ()


def test_a_report_of_a_lot_is_recorded_once_and_found_by_its_hash(store, tmp_path):
    report = ReportFile(str(tmp_path / "reports" / "lot-L.pdf"), "both", "d" * 64)
    for _ in range(2):
        with store.transaction() as session:
            add_period_report(session, "lot", "L", tmp_path, report, NOON)
    with store.reading() as session:
        found = find_report(session, "d" * 64)
    assert (found.kind, found.subject, found.path) == ("lot", "L", "reports/lot-L.pdf")


def test_verify_compares_a_certificate_with_the_station_and_finds_a_forged_one(store, tmp_path, capsys):
    number, drawn = inspected(store, 1)
    at = NOON + timedelta(microseconds=123_456)  # a certificate states it to the millisecond
    signature = Signature(number, drawn.id, "Wang", SignatureMeaning.APPROVED, at)
    assert SqlPeopleBook(store.reading, store.transaction).sign(signature)
    found, opinion, around = SqlReportReader(store).load(number)
    pdf = typeset(certificate_sheet(certificate_content(number, found, opinion, "Line 3", around), "en"))
    path = tmp_path / "reports" / "1.pdf"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pdf)
    store.add_report(number, drawn.id, ReportFile(str(path), "en", sha256(pdf)))
    answer = verified(path, tmp_path, capsys)
    assert answer["ok"], answer
    assert any("was recorded at" in line for line in answer["checked"])
    assert any("of the ledger is as printed" in line for line in answer["checked"])
    assert any('signature of Wang ("approved", ' in line for line in answer["checked"])

    other = replace(opinion, verdict=replace(opinion.verdict, reasons=()))
    wrong = replace(
        around,
        ledger=replace(around.ledger, sha256="e" * 64),
        signatures=(*around.signatures, SignedBy("The Director", "approved", NOON)),
    )
    forged = typeset(certificate_sheet(certificate_content(number + 5, found, other, "Line 3", wrong), "en"))
    (tmp_path / "forged.pdf").write_bytes(forged)
    answer = verified(tmp_path / "forged.pdf", tmp_path, capsys)
    assert not answer["ok"]
    said = " ".join(answer["problems"])
    assert f"number is {number + 5}, but {number} is stored" in said
    assert "has another hash" in said
    assert 'the signature of The Director ("approved", ' in said and "was never given" in said


def verified(path, station, capsys):
    with pytest.raises(typer.Exit):
        verify(file=path, ledger=False, config=station / "no.toml", station=station, as_json=True)
    return json.loads(capsys.readouterr().out)
