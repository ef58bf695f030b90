"""The fullest certificate that a line can bring about, on both papers and in both languages."""

import io
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from builders_reports import (
    TRIGGERED_AT,
    a_composition,
    a_conclusion,
    a_specimen,
    an_acquisition,
)
from pypdf import PdfReader

from qc_daemon.domain.inspection import Defect
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.surroundings import InspectedPosition, SignedBy, Surroundings
from qc_daemon.domain.verdict import Outcome, Verdict, judge
from reports.certificate import certificate_sheet
from reports.content import certificate_content
from reports.typesetting import SHIPPED_TEMPLATES, _compiler, typeset
from reports.verification import check_certificate

FIVE = {
    "cotton": (47.2, 43.1, 51.0), "polyester": (31.5, 27.9, 35.2), "nylon": (11.3, 8.0, 14.7),
    "wool": (6.0, 3.1, 9.2), "acrylic": (4.0, 1.2, 7.0),
}  # fmt: skip
LABEL = "cotton 50 polyester 30 nylon 10 wool 6 acrylic 4"
FINDINGS = (
    Reason(ReasonCode.REFERENCE_AGEING, "", 55.0, 50.0),
    Reason(ReasonCode.REFERENCE_TEMPERATURE, "", 4.2, 3.0),
    Reason(ReasonCode.REFERENCE_LAMP, "", -4.1, 3.0),
    Reason(ReasonCode.REFERENCE_GAIN, "32"),
    Reason(ReasonCode.CLOCKS_DISAGREE, "", 140.0, 60.0),
    Reason(ReasonCode.REFERENCE_RECONNECTED),
    Reason(ReasonCode.TILE_OUT_OF_CONTROL, "tile GREY-50 at 1300 nm, rule 1_3s, serial 6460027"),
)
DEFECTS = tuple(
    Defect("hole", 5 + n % 10 * 62, 5 + n // 10 * 76, 45, 40, 0.002 * (n + 1), 0.9, "major")
    for n in range(60)
)
AROUND = Surroundings(
    positions=tuple(InspectedPosition(n, 2.5 * n, Outcome.PASS) for n in range(1, 31)),
    ledger=LedgerHead(71234, "c" * 64),
    signatures=(
        SignedBy("张三", "reviewed", TRIGGERED_AT),
        SignedBy("A Quality Manager of a Very Long Name", "approved", TRIGGERED_AT),
    ),
    replaces="01935c29-7b01-7f3a-b6cd-9c6f0a1b2c3c",
)


@pytest.fixture(scope="module", params=["a4", "us-letter"])
def templates(request, tmp_path_factory):
    """The templates of a factory of a long name on this paper."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(SHIPPED_TEMPLATES, folder, dirs_exist_ok=True)
    house = (folder / "house.typ").read_text()
    house = house.replace('#let paper = "a4"', f'#let paper = "{request.param}"')
    house = house.replace('#let name = ""', f'#let name = "{"Printing and Dyeing Mill No. 7 " * 4}印染厂"')
    (folder / "house.typ").write_text(house)
    return folder


def crowded_content():
    composition = a_composition(FIVE, basis="dry mass")
    conclusion = a_conclusion(FIVE, LABEL, defects=DEFECTS)
    judged = judge(composition, a_specimen(LABEL).label, conclusion.tolerance, ())
    conclusion = replace(
        conclusion,
        composition=composition,
        uncleaned=a_composition({**FIVE, "cotton": (46.1, 42, 50), "polyester": (32.6, 28, 36)}).shares,
        verdict=Verdict(Outcome.REFER, (*FINDINGS, *judged.reasons)),
    )
    assert len(conclusion.verdict.reasons) >= 12
    specimen = a_specimen(LABEL, id="SPECIMEN-" * 6, lot="批" * 40, roll="ROLL-WITH-A-LONG-NAME-" * 3)
    return certificate_content(
        1_000_042, an_acquisition(specimen=specimen), conclusion, "Line 3, Hall 12 " * 4, AROUND
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_fullest_certificate_says_all_and_stays_within_its_margins(templates, language):
    sheet = certificate_sheet(crowded_content(), language, templates)
    pdf = typeset(sheet)
    assert check_certificate(pdf, "crowded.pdf").problems == ()
    pages = PdfReader(io.BytesIO(pdf)).pages
    assert len(pages) == 2
    text = pages[0].extract_text() + pages[1].extract_text()
    assert ("48 more (hole 48)" if language == "en" else "另有 48 处（破洞 48 处）") in text
    for page in pictures(sheet):
        assert page[:, : mm(12)].min() > 250  # of the 15 mm that the layout leaves free
        assert page[:, -mm(12) :].min() > 250
        assert page[-mm(13.5) : -mm(11.5)].min() > 250, "the text runs into the footer"


def mm(length):
    """A length on a picture of 72 dpi, in pixels."""
    return round(length * 72 / 25.4)


def pictures(sheet):
    """The pages as grey pictures of 72 dpi, laid out by the same compiler."""
    pages = _compiler(sheet.template).compile(format="png", ppi=72, sys_inputs=dict(sheet.inputs))
    return [cv2.imdecode(np.frombuffer(page, np.uint8), cv2.IMREAD_GRAYSCALE) for page in pages]
