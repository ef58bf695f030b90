import hashlib
import json
import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
from builders_reports import (
    FAILING,
    PASSING,
    TRIGGERED_AT,
    WAVELENGTH_NM,
    a_composition,
    a_conclusion,
    a_failed_inspection,
    a_passed_inspection,
    a_scan,
    a_specimen,
    a_white,
    an_acquisition,
)

from qc_daemon.domain.inspection import Defect
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.surroundings import RetiredImage, Surroundings
from reports.content import certificate_content, layout_json


def page_of(acquisition, conclusion, language="en"):
    return certificate_content(42, acquisition, conclusion, "Line 3").pages[language]


def record_of(acquisition, conclusion):
    return json.loads(certificate_content(42, acquisition, conclusion, "Line 3").record)


def fact(facts, name):
    return next(fact.value for fact in facts if fact.name == name)


def test_a_passed_inspection_says_so_in_both_languages():
    acquisition, conclusion = a_passed_inspection()
    assert page_of(acquisition, conclusion, "zh").verdict == "合格"
    assert page_of(acquisition, conclusion, "en").verdict == "PASS"


def test_declared_fibres_come_first_and_the_rest_by_falling_share():
    page = page_of(an_acquisition(specimen=a_specimen("polyester 40 cotton 60")), a_conclusion(FAILING))
    assert [row.fibre for row in page.shares[:4]] == ["Polyester", "Cotton", "Nylon", "Wool"]


def test_each_row_states_how_its_share_lies_in_the_tolerance():
    page = page_of(*a_failed_inspection())
    assert [(row.fibre, row.status) for row in page.shares[:4]] == [
        ("Cotton", "outside"), ("Polyester", "edge"), ("Nylon", "outside"), ("Wool", ""),
    ]  # fmt: skip
    assert [(row.declared, row.allowed) for row in page.shares[:3]] == [
        ("60", "± 5"),
        ("40", "± 5"),
        ("—", "≤ 3"),
    ]


def test_a_declared_fibre_outside_the_model_has_a_row_without_figures():
    label = "cotton 60 silk 40"
    page = page_of(an_acquisition(specimen=a_specimen(label)), a_conclusion(PASSING, label))
    silk = page.shares[1]
    assert (silk.fibre, silk.measured, silk.bar) == ("Silk", "not in model", None)
    assert page.reasons == ("The model does not know a declared fibre: Silk.",)


def test_an_unusable_scan_shows_no_shares_and_asks_to_measure_again():
    conclusion = a_conclusion(None, findings=(Reason(ReasonCode.SATURATED, "", 99.9, 98.0),))
    page = page_of(an_acquisition(), conclusion)
    assert page.shares == ()
    assert "No composition was inferred" in page.shares_notes[0]
    assert "measure again" in page.advice
    assert page.reasons == ("The detector is saturated (peak at 99.9 % of full scale, limit 98.0 %).",)


def test_a_missing_label_asks_for_the_label_and_not_for_chemistry():
    page = page_of(an_acquisition(specimen=a_specimen(None)), a_conclusion(PASSING, label=None))
    assert "Enter the label" in page.advice
    assert fact(page.identity, "Declared label") == "none"
    assert all(row.bar.label is None for row in page.shares)


def test_the_age_of_the_white_reference_is_stated_and_a_factory_one_has_none():
    tile = page_of(an_acquisition(white=a_white()), a_conclusion(PASSING))
    factory = page_of(
        an_acquisition(white=a_white(source="factory", tile_id="factory")), a_conclusion(PASSING)
    )
    assert fact(tile.instruments, "White reference") == "white tile PTFE-07, 12.4 min before the measurement"
    assert "unknown age" in fact(factory.instruments, "White reference")


def test_without_a_white_reference_there_is_no_spectrum_and_a_line_says_why():
    content = certificate_content(42, an_acquisition(white=None), a_conclusion(None), "Line 3")
    assert content.spectrum is None
    assert content.pages["en"].spectrum_note == "No absorbance without a usable white reference."


def test_a_white_reference_on_another_axis_gives_no_spectrum_either():
    other = a_white(scan=a_scan(np.zeros(228), wavelength_nm=WAVELENGTH_NM + 1.0))
    assert certificate_content(42, an_acquisition(white=other), a_conclusion(None), "Line 3").spectrum is None


def test_without_a_camera_the_page_says_that_the_shares_rest_on_the_spectrum():
    acquisition = an_acquisition(frame=None, camera_expected=False)
    page = page_of(acquisition, a_conclusion(PASSING, cleaned=None))
    assert page.micrograph_notes == ("No usable micrograph; the shares rest on the spectrum alone.",)
    assert page.defects == ("No usable image: defects were not looked for.",)
    assert fact(page.instruments, "Camera") == "this station has no camera"


def test_a_retired_image_is_told_with_day_rule_and_hash_and_not_taken_for_a_missing_one():
    gone = Surroundings(retired_image=RetiredImage(TRIGGERED_AT, "older than 90 days", "e" * 64))
    acquisition = an_acquisition(frame=None)
    _, failed = a_failed_inspection()
    content = certificate_content(42, acquisition, replace(failed, cleaned=None), "Line 3", gone)
    pages = content.pages
    assert pages["en"].micrograph_notes[0] == (
        f"Image retired on 2026-11-24 by rule older than 90 days; SHA-256 {'e' * 64}."
    )
    assert "到期清除" in pages["zh"].micrograph_notes[0]
    assert fact(pages["en"].instruments, "Camera") == "its image was retired and is no longer kept"
    assert fact(pages["en"].hashes, "Image SHA-256") == "e" * 64
    assert pages["en"].defects[0].startswith("1. hole, major")


def test_the_filled_share_and_the_method_are_stated():
    acquisition, conclusion = a_passed_inspection()
    expected = f"{conclusion.cleaned.filled_percent:.1f} %"
    assert "fsr 1.2" in page_of(acquisition, conclusion).micrograph_notes[0]
    assert expected in page_of(acquisition, conclusion).micrograph_notes[0]
    assert conclusion.cleaned.filled_percent > 0.5


def test_the_shares_without_filling_stand_beside_the_debris_in_both_languages():
    inspection = a_failed_inspection()
    said = [page_of(*inspection, language).micrograph_notes[-1] for language in ("en", "zh")]
    assert said == [
        "Had nothing been filled: Cotton 46.8, Polyester 45.0, Nylon 8.0 (at most 2.7 pp apart).",
        "若不填补：棉 46.8，涤纶 45.0，锦纶 8.0（最多相差 2.7 个百分点）。",
    ]
    assert record_of(*inspection)["conclusion"]["uncleaned"][0]["percent"] == 46.8


def test_the_shares_without_filling_are_counted_on_the_basis_that_was_judged():
    half = {"cotton": (50.0, 48.0, 52.0), "polyester": (50.0, 48.0, 52.0)}
    dry = a_composition(half, basis="dry mass")
    conclusion = a_conclusion(half, composition=dry, uncleaned=dry.shares)
    assert page_of(an_acquisition(), conclusion).micrograph_notes[-1] == (
        "Had nothing been filled: Cotton 51.9, Polyester 48.1 (at most 0.0 pp apart)."
    )


def test_where_nothing_was_filled_no_other_shares_are_told():
    notes = page_of(*a_passed_inspection()).micrograph_notes
    assert not any("Had nothing been filled" in note for note in notes)
    assert record_of(*a_passed_inspection())["conclusion"]["uncleaned"] == []


def test_defects_are_worded_in_the_order_of_their_numbers():
    assert page_of(*a_failed_inspection(), "zh").defects == (
        "1. 破洞，严重，0.0183 mm²，置信度 0.94",
        "2. 污渍，轻微，0.0401 mm²，置信度 0.71",
    )


def test_times_are_utc_whatever_the_zone_of_the_record():
    from datetime import timezone

    shanghai = TRIGGERED_AT.astimezone(timezone(timedelta(hours=8)))
    page = page_of(an_acquisition(triggered_at=shanghai), a_conclusion(PASSING))
    assert fact(page.identity, "Measured") == "2026-11-24 02:15:07 UTC"
    assert (
        record_of(an_acquisition(triggered_at=shanghai), a_conclusion(PASSING))["acquisition"]["triggered_at"]
        == "2026-11-24T02:15:07.000Z"
    )


def test_hashes_are_those_of_the_raw_bytes():
    acquisition, conclusion = a_passed_inspection()
    hashes = {fact.name: fact.value for fact in page_of(acquisition, conclusion).hashes}
    assert hashes == {
        "Scan SHA-256": hashlib.sha256(acquisition.scan.raw).hexdigest(),
        "Image SHA-256": hashlib.sha256(acquisition.frame.encoded).hexdigest(),
        "White SHA-256": hashlib.sha256(acquisition.white.scan.raw).hexdigest(),
    }


def test_the_rule_names_clause_version_and_both_tolerances():
    rule = fact(page_of(*a_passed_inspection()).rules, "Rule")
    assert rule == (
        "GB/T 29862-2013, 7.4 (rule version 2); allowed ±5 pp; ±3 pp for components declared at 10 % or less"
    )
    eu = replace(a_conclusion(PASSING), tolerance=TOLERANCES["EU 1007/2011"])
    assert fact(page_of(an_acquisition(), eu).rules, "Rule").startswith("EU 1007/2011, Regulation (EU)")


def test_the_record_has_the_spectrum_with_null_for_masked_bands():
    curve = np.full(228, 0.4)
    curve[5] = 9.0  # no light comes back: not an absorbance that can be measured
    spectrum = record_of(an_acquisition(scan=a_scan(curve)), a_conclusion(PASSING))["acquisition"]["spectrum"]
    assert spectrum["absorbance"][5] is None
    assert math.isclose(spectrum["absorbance"][6], 0.4)
    assert len(spectrum["wavelength_nm"]) == 228


def test_the_record_keeps_the_verdict_its_reasons_and_the_shares():
    acquisition, conclusion = a_failed_inspection()
    record = record_of(acquisition, conclusion)
    assert record["number"] == 42
    assert record["conclusion"]["verdict"] == "FAIL"
    assert record["conclusion"]["reasons"][0] == {
        "code": "outside_tolerance", "subject": "cotton", "value": -15.899999999999999, "limit": 5.0,
    }  # fmt: skip
    shares = {share["fibre"]: share["percent"] for share in record["conclusion"]["composition"]["shares"]}
    assert shares == {name: figures[0] for name, figures in FAILING.items()}


def test_texts_in_the_layout_are_printable_while_the_record_keeps_them_untouched():
    acquisition = an_acquisition(specimen=a_specimen(lot="Lot 😀\t7"))
    content = certificate_content(42, acquisition, a_conclusion(PASSING), "Line 3")
    pages = json.loads(layout_json(content, "both"))["pages"]
    assert [page["language"] for page in pages] == ["zh", "en"]
    assert all("Lot □ 7" in json.dumps(page["identity"], ensure_ascii=False) for page in pages)
    assert json.loads(content.record)["acquisition"]["lot"] == "Lot 😀\t7"


def test_a_defect_kind_that_nobody_worded_is_shown_by_its_own_name():
    defect = Defect("broken_pick", 1, 2, 3, 4, 0.5, 0.5, "minor")
    page = page_of(an_acquisition(), a_conclusion(PASSING, defects=(defect,)))
    assert page.defects[0].startswith("1. broken pick, minor")
