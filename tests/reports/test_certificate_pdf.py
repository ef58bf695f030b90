import hashlib
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders_reports import (
    PASSING,
    a_cleaned_image,
    a_conclusion,
    a_failed_inspection,
    a_frame,
    a_passed_inspection,
    a_specimen,
    an_acquisition,
    an_undecided_inspection,
)
from pypdf import PdfReader

from qc_daemon.domain.errors import ReportFailed
from qc_daemon.domain.inspection import Defect
from qc_daemon.domain.reasons import Reason, ReasonCode
from reports.certificate import certificate_sheet, render_certificate
from reports.content import certificate_content
from reports.typesetting import SHIPPED_TEMPLATES, Sheet, _compiler, typeset

STATION = "Line 3 / 三号线"


def rendered(inspection, language="en"):
    return render_certificate(certificate_content(42, *inspection, STATION), language)


def opened(inspection, language="en"):
    return PdfReader(io.BytesIO(rendered(inspection, language)))


def text_of(reader):
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


@pytest.mark.parametrize(
    ("inspection", "zh", "en"),
    [
        (a_passed_inspection, "合格", "PASS"),
        (a_failed_inspection, "不合格", "FAIL"),
        (an_undecided_inspection, "送检", "REFER"),
    ],
)
def test_the_verdict_can_be_read_back_in_both_languages(inspection, zh, en):
    chinese, english = (text_of(opened(inspection(), language)) for language in ("zh", "en"))
    assert re.match(rf"纤维成分检验证书 编号 42 (\? )?{zh} {en}", chinese)
    assert re.match(rf"Fibre composition certificate No\. 42 (\? )?{en} {zh}", english)


def test_identity_shares_reasons_and_hashes_can_be_read_back():
    acquisition, conclusion = a_failed_inspection()
    text = text_of(opened((acquisition, conclusion)))
    for expected in (
        "S-2026-1124-0042", "L26-1107", "R-0318", "42.50 m", "cotton 60 polyester 40", STATION,
        "Cotton: outside tolerance (deviation -15.9 pp, allowed ±5.0 pp).",
        "44.1", "41.0 – 47.3", "1. hole, major, 0.0183 mm², confidence 0.94",
        "serial 6460027, firmware 2.1.0", "2026-11-24 02:15:07 UTC", "200 µm", conclusion.id,
        "GB/T 29862-2013, 7.4", "ILAC-G8:09/2019", "isic-net · 4f1c0b7a9d2e", "Page 1 of 1",
        hashlib.sha256(acquisition.scan.raw).hexdigest(),
    ):  # fmt: skip
        assert expected in text, expected


def test_an_ordinary_certificate_is_one_page_per_language_chinese_first():
    inspection = a_failed_inspection()
    assert [len(opened(inspection, language).pages) for language in ("zh", "en", "both")] == [1, 1, 2]
    chinese, english = (page.extract_text() for page in opened(inspection, "both").pages)
    assert "不合格" in chinese
    assert "第 1 页，共 2 页" in chinese
    assert "Page 2 of 2" in english


def test_a_certificate_without_composition_reference_or_image_is_still_whole():
    findings = (Reason(ReasonCode.NO_REFERENCE), Reason(ReasonCode.LOW_SIGNAL))
    inspection = (
        an_acquisition(white=None, frame=None, camera_expected=False),
        a_conclusion(None, findings=findings, cleaned=None, models=()),
    )
    text = text_of(opened(inspection))
    assert "Unreferenced: there is no white reference. Too little light comes back." in text
    assert "No usable micrograph." in text


def test_the_attached_record_is_the_record_and_says_how_it_is_related():
    content = certificate_content(42, *a_passed_inspection(), STATION)
    reader = PdfReader(io.BytesIO(render_certificate(content, "both")))
    assert reader.attachments == {"certificate.json": [content.record]}
    (file,) = (entry.get_object() for entry in reader.trailer["/Root"]["/AF"])
    assert file["/AFRelationship"] == "/Data"
    assert file["/EF"]["/F"].get_object()["/Subtype"] == "/application/json"


def test_the_metadata_claim_pdf_a_3b_and_carry_title_station_and_time():
    reader = opened(a_passed_inspection(), "zh")
    packet = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert re.search(r"<pdfaid:part>3<", packet)
    assert re.search(r"<pdfaid:conformance>B<", packet)
    assert reader.metadata.title == "纤维成分检验证书 42"
    assert reader.metadata.author == STATION
    assert reader.metadata.creation_date.isoformat() == "2026-11-24T02:15:11+00:00"
    assert reader.trailer["/Root"]["/Lang"] == "zh-CN"


def test_every_font_is_embedded():
    fonts = {}
    for page in opened(a_failed_inspection(), "both").pages:
        for font in page["/Resources"]["/Font"].values():
            descendant = font["/DescendantFonts"][0].get_object()
            descriptor = descendant["/FontDescriptor"]
            fonts[font["/BaseFont"]] = any(f"/FontFile{kind}" in descriptor for kind in ("", "2", "3"))
    assert len(fonts) >= 2
    assert all(fonts.values()), fonts


def test_two_processes_write_the_same_bytes():
    program = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]);"
        "from test_certificate_pdf import rendered, a_failed_inspection;"
        "print(hashlib.sha256(rendered(a_failed_inspection(), 'both')).hexdigest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent)],
        env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    here = hashlib.sha256(rendered(a_failed_inspection(), "both")).hexdigest()
    assert result.stdout.strip() == here


def test_certificates_stay_below_500_kb_with_a_large_noisy_micrograph():
    noise = np.random.default_rng(3).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    inspection = (an_acquisition(frame=a_frame(noise)), a_conclusion(PASSING, cleaned=a_cleaned_image(noise)))
    assert len(rendered(inspection, "both")) < 500_000
    assert len(rendered(a_passed_inspection(), "both")) < 300_000


def test_long_names_and_many_defects_stay_inside_the_page():
    label = "cotton 40 polyester 30 wool 10 nylon 10 acrylic 5 acetate 3 silk 1 linen 1"
    shares = {"cotton": (40.0, 37.0, 43.0), "polyester": (30.0, 27.0, 33.0), "wool": (30.0, 25.0, 33.0)}
    shares |= {f"a-fibre-with-a-long-name-{n}": (0.0, 0.0, 1.0) for n in range(7)}
    defects = tuple(Defect("stain", 60 * n, 40 * n, 50, 40, 0.01, 0.8, "minor") for n in range(10))
    inspection = (
        an_acquisition(specimen=a_specimen(label, id="X" * 200, lot="批" * 80, roll="roll " * 30)),
        a_conclusion(shares, label, defects=defects),
    )
    reader = opened(inspection)
    assert len(reader.pages) == 2
    for page in as_pictures(inspection):
        margin_px = page.shape[1] * 12 // 210  # of the 15 mm that the layout leaves free
        assert page[:, :margin_px].min() > 250
        assert page[:, -margin_px:].min() > 250
        assert page.min() < 100, "an empty page"
    assert "".join(text_of(reader).split()).count("X") >= 200


def as_pictures(inspection):
    """The pages as grey pictures, laid out by the same compiler."""
    sheet = certificate_sheet(certificate_content(42, *inspection, STATION), "en")
    pages = _compiler(sheet.template).compile(format="png", ppi=72, sys_inputs=dict(sheet.inputs))
    return [cv2.imdecode(np.frombuffer(page, np.uint8), cv2.IMREAD_GRAYSCALE) for page in pages]


def test_markup_in_a_name_is_printed_and_not_obeyed():
    name = '#panic("no") *b* $x$ "q" \\'
    text = text_of(opened((an_acquisition(specimen=a_specimen(lot=name)), a_conclusion(PASSING))))
    assert name in text


def test_characters_without_a_glyph_do_not_cost_the_certificate():
    text = text_of(opened((an_acquisition(specimen=a_specimen(lot="Lot 😀 ก 7")), a_conclusion(PASSING))))
    assert "Lot □ □ 7" in text


def test_what_the_layout_engine_refuses_is_one_clear_line():
    good = certificate_content(42, *a_passed_inspection(), STATION)
    inputs = certificate_sheet(good, "en").inputs | {"content": "{}"}
    sheet = Sheet(SHIPPED_TEMPLATES / "certificate.typ", inputs, good.concluded_at)
    with pytest.raises(ReportFailed, match=r"^certificate\.typ, line \d+: .+") as failed:
        typeset(sheet)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("serial", ["VIRTUAL", "REPLAYED"])
def test_a_certificate_of_an_emulated_instrument_says_so_in_both_languages(serial):
    acquisition, conclusion = a_passed_inspection()
    emulated = replace(acquisition, spectrometer=replace(acquisition.spectrometer, serial=serial))
    text = text_of(opened((emulated, conclusion), "both"))
    assert "SIMULATED" in text and "模拟" in text


def test_a_certificate_of_a_real_instrument_does_not_call_itself_simulated():
    text = text_of(opened(a_passed_inspection(), "both"))
    assert "SIMULATED" not in text and "模拟" not in text
