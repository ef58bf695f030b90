"""Structural checks of PDF/A-3b with pikepdf (qpdf), and veraPDF where it is installed.

The structural checks are no validator: none is among the packages.
"""

import io
import re
import shutil
import subprocess

import pikepdf
import pytest
from builders_reports import a_failed_inspection
from test_period_reports import daily_report, lot_report

from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.surroundings import Surroundings
from reports.certificate import certificate_sheet
from reports.content import certificate_content
from reports.daily_report import daily_sheet
from reports.lot_report import lot_sheet
from reports.typesetting import typeset


def a_certificate():
    around = Surroundings(ledger=LedgerHead(9, "c" * 64))
    content = certificate_content(42, *a_failed_inspection(), "Line 3", around)
    return typeset(certificate_sheet(content, "both"))


@pytest.fixture(scope="module", params=["certificate", "lot", "day"])
def written(request):
    makers = {
        "certificate": a_certificate,
        "lot": lambda: typeset(lot_sheet(lot_report(59.5, 60.0, 60.5), "both")),
        "day": lambda: typeset(daily_sheet(daily_report(), "both")),
    }
    return makers[request.param]()


@pytest.fixture()
def document(written):
    with pikepdf.open(io.BytesIO(written)) as pdf:
        yield pdf


@pytest.mark.skipif(shutil.which("verapdf") is None, reason="veraPDF is not on the PATH")
def test_verapdf_finds_the_document_to_conform_to_part_3_b(written, tmp_path):
    path = tmp_path / "document.pdf"
    path.write_bytes(written)
    command = ["verapdf", "--flavour", "3b", "--format", "text", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and done.stdout.startswith("PASS"), done.stdout + done.stderr


def test_qpdf_finds_no_fault_and_nothing_is_encrypted(document):
    assert document.check_pdf_syntax() == []
    assert not document.is_encrypted
    assert "/ID" in document.trailer


def test_the_metadata_claim_part_3_conformance_b_and_agree_with_the_document_information(document):
    with document.open_metadata() as metadata:
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "B")
        assert metadata["dc:title"] == str(document.docinfo["/Title"])
        assert metadata["pdf:Keywords"] == str(document.docinfo["/Keywords"])
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", metadata["pdf:Keywords"])


def test_there_is_one_output_intent_with_a_profile(document):
    (intent,) = document.Root.OutputIntents
    assert intent.S == "/GTS_PDFA1"
    assert intent.DestOutputProfile.N == 3
    assert b"acsp" in intent.DestOutputProfile.read_bytes()[:64]


def test_every_font_is_embedded_and_can_be_copied_as_text(document):
    fonts = [font for page in document.pages for font in page.Resources.get("/Font", {}).values()]
    assert fonts
    for font in fonts:
        assert "/ToUnicode" in font
        descriptor = font.DescendantFonts[0].FontDescriptor
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor.keys()), font.BaseFont


def test_the_record_is_an_associated_file_and_nothing_runs_or_calls_out(document):
    (file,) = document.Root.AF
    assert file.AFRelationship == "/Data"
    assert file.EF.F.Subtype == "/application/json"
    assert not {"/OpenAction", "/AA", "/AcroForm"} & set(document.Root.keys())
    assert "/JavaScript" not in document.Root.get("/Names", {})
    for page in document.pages:
        kinds = [annotation.Subtype for annotation in page.get("/Annots", [])]
        assert all(kind == "/Link" for kind in kinds)


def test_pictures_have_no_filter_and_no_colour_space_that_pdf_a_forbids(document):
    for page in document.pages:
        for picture in page.get_images().values():
            assert "/LZWDecode" not in str(picture.get("/Filter"))
            assert picture.get("/Interpolate", False) is False or not picture.Interpolate
