import json
import re
from contextlib import suppress

import pytest
from builders_reports import (
    TRIGGERED_AT,
    a_conclusion,
    a_failed_inspection,
    a_passed_inspection,
    a_specimen,
    an_acquisition,
)
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import Defect
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.surroundings import SignedBy, Surroundings
from reports.certificate import certificate_sheet
from reports.content import certificate_content
from reports.record import sha256
from reports.seal import PLACEHOLDER, is_intact, sealed
from reports.typesetting import typeset
from reports.verification import check_certificate

AROUND = Surroundings(
    ledger=LedgerHead(17, "ab" * 32), signatures=(SignedBy("li.wei", "approved", TRIGGERED_AT),)
)


def certificate(inspection, language="both", around=AROUND):
    return typeset(certificate_sheet(certificate_content(42, *inspection, "Line 3", around), language))


@pytest.fixture(scope="module")
def failed():
    return certificate(a_failed_inspection())


def problems_of(pdf):
    return check_certificate(pdf, "x.pdf").problems


def test_a_certificate_as_it_was_written_has_no_problem_and_names_what_a_station_can_be_asked(failed):
    found = check_certificate(failed, "x.pdf")
    assert found.problems == ()
    assert any("zh and en" in line for line in found.checked)
    acquisition, conclusion = a_failed_inspection()
    assert (found.claims.number, found.claims.outcome) == (42, "FAIL")
    assert found.claims.conclusion_id == conclusion.id
    assert found.claims.scan_sha256 == sha256(acquisition.scan.raw)
    assert found.claims.file_sha256 == sha256(failed)
    assert (found.claims.ledger_sequence, found.claims.ledger_sha256) == (17, "ab" * 32)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_read_back_from_the_pages_is_the_record_in_each_language(language):
    label = "cotton 40 polyester 30 wool 15 nylon 10 acrylic 5"
    shares = {"cotton": (40.2, 38.0, 43.0), "polyester": (29.8, 27.0, 33.0), "wool": (15.1, 12.0, 18.0)}
    shares |= {"nylon": (9.9, 7.0, 12.0), "acrylic": (5.0, 3.0, 7.0)}
    defects = tuple(Defect("stain", 10 * n, 5 * n, 40, 30, 0.01 + n, 0.8, "minor") for n in range(60))
    findings = (Reason(ReasonCode.REFERENCE_AGEING, "", 31.0, 30.0),)
    inspection = (
        an_acquisition(specimen=a_specimen(label, lot="批次 07 — Ω", roll="long roll name " * 6)),
        a_conclusion(shares, label, findings, defects=defects),
    )
    assert problems_of(certificate(inspection, language)) == ()


def test_a_certificate_without_composition_label_or_image_can_be_checked_too():
    findings = (Reason(ReasonCode.NO_REFERENCE),)
    inspection = (
        an_acquisition(white=None, frame=None, specimen=a_specimen(None, roll="")),
        a_conclusion(None, label=None, findings=findings, cleaned=None, models=()),
    )
    assert problems_of(certificate(inspection, "en", Surroundings())) == ()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.55, 0.8, 0.97])
def test_one_changed_byte_is_found_wherever_it_is(failed, share):
    place = int(len(failed) * share)
    changed = failed[:place] + bytes([failed[place] ^ 1]) + failed[place + 1 :]
    with suppress(InputError):  # so much may be broken that it is no certificate any more
        assert any("seal" in problem for problem in problems_of(changed))


def rewritten(pdf, change):
    """The same document written anew by another program, and sealed as its forger would."""
    writer = PdfWriter(clone_from=pdf)
    change(writer)
    path = pdf.parent / "forged.pdf"
    writer.write(path)
    return sealed(re.sub(rb"sha256:[0-9a-f]{64}", PLACEHOLDER.encode(), path.read_bytes()))


def with_record(writer, change):
    (file,) = [entry.get_object() for entry in writer.root_object["/AF"]]
    stream = file["/EF"]["/F"].get_object()
    record = json.loads(stream.get_data())
    change(record)
    new = DecodedStreamObject()
    new.set_data(json.dumps(record).encode())
    new.update({key: value for key, value in stream.items() if key in ("/Type", "/Subtype", "/Params")})
    for key in file["/EF"]:
        file["/EF"][NameObject(key)] = writer._add_object(new)


def test_a_forged_record_under_a_new_seal_contradicts_the_pages(tmp_path, failed):
    path = tmp_path / "x.pdf"
    path.write_bytes(failed)

    def pass_it(record):
        record["conclusion"]["verdict"] = "PASS"
        record["conclusion"]["judged"]["shares"][0]["percent"] = 60.0
        record["conclusion"]["uncleaned"][0]["percent"] = 48.8

    forged = rewritten(path, lambda writer: with_record(writer, pass_it))
    assert is_intact(forged)
    said = " ".join(problems_of(forged))
    assert 'verdict: expected "PASS 合格"' in said
    assert 'share of cotton: expected "Cotton 60.0' in said
    assert 'shares without cleaning: expected "Cotton 48.8' in said


def test_changed_text_of_a_page_under_a_new_seal_contradicts_the_record(tmp_path):
    passed, failed = (tmp_path / name for name in ("passed.pdf", "failed.pdf"))
    passed.write_bytes(certificate(a_passed_inspection(), "en"))
    failed.write_bytes(certificate(a_failed_inspection(), "en"))

    def other_page(writer):
        while writer.pages:
            writer.remove_page(0)
        writer.append(PdfReader(passed))

    said = " ".join(problems_of(rewritten(failed, other_page)))
    assert 'verdict: expected "FAIL 不合格"' in said
    assert "reason outside_tolerance" in said


def test_a_record_that_is_none_is_one_clear_problem(tmp_path, failed):
    path = tmp_path / "x.pdf"
    path.write_bytes(failed)
    found = check_certificate(
        rewritten(path, lambda writer: with_record(writer, lambda record: record.pop("conclusion"))), "x.pdf"
    )
    assert found.claims is None
    assert any(problem.startswith("record: certificate.json is not a record") for problem in found.problems)


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.7\n%%EOF"])
def test_a_file_that_is_no_pdf_is_one_clear_line(content):
    with pytest.raises(InputError, match=r"^x\.pdf: cannot be read as PDF .*expected a certificate"):
        check_certificate(content, "x.pdf")


def test_a_pdf_without_a_record_is_not_a_certificate(tmp_path):
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(tmp_path / "blank.pdf")
    with pytest.raises(InputError, match=r"certificate\.json attached; expected a certificate"):
        check_certificate((tmp_path / "blank.pdf").read_bytes(), "x.pdf")


def test_the_seal_does_not_depend_on_anything_but_the_bytes(failed):
    assert failed == certificate(a_failed_inspection())
    assert is_intact(failed)
    assert not is_intact(failed + b" ")
    assert not is_intact(b"no seal")
