"""A flat field changes what is looked at, never the facts, and stands in the record."""

from dataclasses import replace

import numpy as np
from builders import NOON, a_frame, an_acquisition
from fakes import FakeClock, FakePredictor, fake_judges

from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.flat_field import FlatField, corrected
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.verdict import Outcome
from qc_daemon.pipeline import conclude

STEADY = CalibrationStanding()
ACQUISITION = an_acquisition(camera_expected=True, frame=a_frame())


def a_flat(**changes):
    light = np.broadcast_to(np.linspace(110.0, 190.0, 64)[None, :, None], (64, 64, 3))
    flat = FlatField(light, np.zeros((64, 64, 3)), ACQUISITION.frame.camera, 24, NOON)
    return replace(flat, **changes)


def test_models_see_the_corrected_frame_and_the_record_keeps_the_photographed_one():
    flat, predictor = a_flat(), FakePredictor()
    conclusion = conclude(fake_judges(FakeClock(), flat_field=flat, predictor=predictor), ACQUISITION, STEADY)
    (seen,) = predictor.images
    assert np.array_equal(seen.original, corrected(ACQUISITION.frame.pixels, flat))
    assert not np.array_equal(seen.original, ACQUISITION.frame.pixels)
    assert np.array_equal(conclusion.cleaned.original, ACQUISITION.frame.pixels)
    assert conclusion.verdict.outcome is Outcome.PASS


def test_the_hash_of_the_flat_field_stands_among_the_models():
    flat = a_flat()
    conclusion = conclude(fake_judges(FakeClock(), flat_field=flat), ACQUISITION, STEADY)
    last = conclusion.models[-1]
    assert (last.role, last.digest) == ("flat_field", flat.sha256)
    assert last.name == "cam-1, 2026-11-24 12:00:00 UTC"


def test_a_flat_field_of_another_exposure_is_not_used_and_the_verdict_is_refer():
    flat = a_flat(camera=replace(ACQUISITION.frame.camera, firmware="exposure 20 ms"))
    predictor = FakePredictor()
    conclusion = conclude(fake_judges(FakeClock(), flat_field=flat, predictor=predictor), ACQUISITION, STEADY)
    assert predictor.images == [None]
    assert conclusion.verdict.outcome is Outcome.REFER
    (reason,) = [one for one in conclusion.verdict.reasons if one.code is ReasonCode.FLAT_FIELD_UNFIT]
    assert reason.subject == "exposure 20 ms; 1"
