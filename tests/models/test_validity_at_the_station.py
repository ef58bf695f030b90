"""A station whose model never saw the blend in front of it: REFER, with the reason wherever it is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import a_scan, a_white, an_acquisition
from fakes import FakeClock, fake_judges
from tiny_isic import AXIS_NM, absorbance_of, tiny_checkpoint

from models.checkpoint import Checkpoint
from models.composition_predictor import IsicPredictor
from models.runtimes.opening import open_runtime
from models.validity import SeenShares, ValidityRange
from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.inspection import Acquisition, Conclusion, Specimen
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.verdict import Outcome
from qc_daemon.pipeline import conclude
from qc_daemon.wiring.database import open_store
from qc_daemon.wiring.lines import demo_config
from reports.content import certificate_content
from storage.fsck import check_station

LABEL = DeclaredLabel("hemp 50 silk 50", (DeclaredFibre("hemp", 50.0), DeclaredFibre("silk", 50.0)))


def seen(*fibres: str) -> SeenShares:
    return SeenShares(fibres, (0.05,) * len(fibres), (1.0,) * len(fibres), 10, "nirscan-nano")


PURE = (seen("hemp"), seen("jute"), seen("silk"))
WITHOUT_THE_PAIR = ValidityRange((*PURE, seen("hemp", "jute")), ("nirscan-nano",))
WITH_THE_PAIR = ValidityRange((*PURE, seen("hemp", "silk")), ("nirscan-nano",))
MOSTLY_SIMULATED = ValidityRange(
    (
        replace(seen("hemp", "silk"), instrument="virtual"),
        replace(seen("hemp", "silk"), specimens=2),
    ),
    ("nirscan-nano", "virtual"),
)
RANGES = (None, WITHOUT_THE_PAIR, WITH_THE_PAIR, MOSTLY_SIMULATED)
OF_THE_RANGE = (
    ReasonCode.BLEND_OUTSIDE_MODEL,
    ReasonCode.TOO_FEW_LEARNT,
    ReasonCode.SHARE_OUTSIDE_MODEL,
    ReasonCode.INSTRUMENT_OUTSIDE_MODEL,
)
FEW = (
    "Hemp + Silk: the model has learnt too few specimens of it with such an instrument "
    "(2; a verdict needs at least 3)."
)


def an_inspection(axis_nm: np.ndarray = AXIS_NM) -> Acquisition:
    """Half hemp, half silk, measured by a NIRscan Nano."""
    absorbance = absorbance_of(np.array([[0.5, 0.0, 0.5]]), AXIS_NM, np.random.default_rng(0))[0]
    counts = 200_000.0 * 10.0 ** -np.interp(axis_nm, AXIS_NM, absorbance)
    white = a_white(a_scan(200_000.0, wavelength_nm=axis_nm))
    specimen = Specimen("S-1", "LOT-1", "R-1", 1.5, LABEL)
    return an_acquisition(specimen=specimen, scan=a_scan(counts, wavelength_nm=axis_nm), white=white)


def measured_by(serial: str, acquisition: Acquisition) -> Acquisition:
    """The same, had a spectrometer with this serial number measured specimen and white tile."""
    assert acquisition.white is not None
    spectrometer, scan = replace(acquisition.spectrometer, serial=serial), acquisition.scan
    white = replace(
        acquisition.white, instrument=spectrometer, scan=replace(acquisition.white.scan, serial=serial)
    )
    return replace(acquisition, spectrometer=spectrometer, scan=replace(scan, serial=serial), white=white)


def concluded(acquisition: Acquisition, validity: ValidityRange | None) -> Conclusion:
    whole = tiny_checkpoint()
    manifest = replace(whole.manifest, validity=validity, basis="as labelled, percent by mass")
    checkpoint: Checkpoint = replace(whole, manifest=manifest)
    runtime = open_runtime(checkpoint, "onnx")
    try:
        return conclude(
            fake_judges(FakeClock(), predictor=IsicPredictor(checkpoint, runtime)),
            acquisition,
            CalibrationStanding(),
        )
    finally:
        runtime.close()


def codes(conclusion: Conclusion) -> list[ReasonCode]:
    return [reason.code for reason in conclusion.verdict.reasons]


def test_a_blend_outside_the_range_is_referred_and_the_certificate_says_why() -> None:
    acquisition = an_inspection()
    conclusion = concluded(acquisition, WITHOUT_THE_PAIR)
    assert conclusion.verdict.outcome is Outcome.REFER
    assert codes(conclusion) == [ReasonCode.BLEND_OUTSIDE_MODEL]
    content = certificate_content(1, acquisition, conclusion, "Line 1")
    said = "Hemp + Silk: the model was not trained on it with such an instrument."
    assert content.pages["en"].reasons == (said,)
    assert content.pages["zh"].reasons == ("大麻 + 蚕丝：模型没有用这种仪器测得的此类样品训练过。",)
    assert "hemp+silk" in json.dumps(json.loads(content.record))


@pytest.mark.parametrize("validity", [WITH_THE_PAIR, None])
def test_a_model_that_saw_the_blend_or_does_not_say_judges_it(validity: ValidityRange | None) -> None:
    conclusion = concluded(an_inspection(), validity)
    assert ReasonCode.BLEND_OUTSIDE_MODEL not in codes(conclusion)
    assert {reason.subject for reason in conclusion.verdict.reasons} <= {"hemp", "jute", "silk", ""}


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("VIRTUAL", []),
        ("REPLAYED", [ReasonCode.TOO_FEW_LEARNT]),
        ("6460024", [ReasonCode.TOO_FEW_LEARNT]),
    ],
)
def test_a_blend_that_was_mostly_simulated_is_judged_on_virtual_fabric_only(
    serial: str, expected: list[ReasonCode]
) -> None:
    acquisition = measured_by(serial, an_inspection())
    conclusion = concluded(acquisition, MOSTLY_SIMULATED)
    assert conclusion.composition is not None
    assert [code for code in codes(conclusion) if code in OF_THE_RANGE] == expected
    assert not expected or conclusion.verdict.outcome is Outcome.REFER
    sentences = certificate_content(1, acquisition, conclusion, "Line 1").pages["en"].reasons
    assert (FEW in sentences) is bool(expected)


def test_a_range_of_wavelengths_that_is_too_short_is_named_even_without_a_validity_range() -> None:
    conclusion = concluded(an_inspection(AXIS_NM[20:]), None)
    assert conclusion.verdict.outcome is Outcome.REFER
    assert codes(conclusion) == [ReasonCode.WAVELENGTHS_OUTSIDE_MODEL, ReasonCode.NOVEL]
    assert conclusion.verdict.reasons[0].subject == "1010-1790 nm"


def test_stored_conclusions_of_old_and_new_models_pass_fsck(tmp_path: Path) -> None:
    acquisition = an_inspection()
    with open_store(demo_config(tmp_path / "station")) as store:
        assert acquisition.white is not None
        store.add_reference(acquisition.white)
        number = store.add_acquisition(acquisition).number
        store.drain()
        for index, validity in enumerate(RANGES):
            store.add_conclusion(number, replace(concluded(acquisition, validity), id=f"conclusion-{index}"))
    report = check_station(tmp_path / "station")
    assert report.checked.conclusions == len(RANGES)
    assert report.problems == ()
