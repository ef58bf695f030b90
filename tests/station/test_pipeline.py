import numpy as np
import pytest
from builders import NANO, a_composition, a_frame, a_white, an_acquisition
from fakes import (
    FakeCamera,
    FakeCleaner,
    FakeClock,
    FakePredictor,
    FakeSpectrometer,
    FakeWriter,
    MemoryStore,
    fake_judges,
)

from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.errors import InferenceUnavailable, LinkLost, LinkTimeout, ReportFailed
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.verdict import Outcome
from qc_daemon.pipeline import Station, certify, conclude, inspect_specimen

STEADY = CalibrationStanding()
SPECIMEN = Specimen("S-1", "LOT-1", "R-1", 2.0, parse_label("cotton 60 polyester 40"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.add_reference(a_white())
    return made


def codes(conclusion) -> list[ReasonCode]:
    return [reason.code for reason in conclusion.verdict.reasons]


def test_an_inspection_ends_with_facts_and_an_opinion_in_the_store(
    clock: FakeClock, store: MemoryStore
) -> None:
    station = Station(FakeSpectrometer(), FakeCamera(a_frame()), fake_judges(clock), store)
    inspection = inspect_specimen(station, SPECIMEN)
    assert inspection.conclusion.verdict.outcome is Outcome.PASS
    assert store.acquisitions[inspection.number] is inspection.acquisition
    assert store.conclusions[inspection.number] == [inspection.conclusion]
    assert inspection.conclusion.acquisition_id == inspection.acquisition.id
    assert [model.role for model in inspection.conclusion.models] == [
        "image_cleaner", "composition", "defect_detector",
    ]  # fmt: skip


def test_a_scan_is_safe_before_the_model_fails(clock: FakeClock, store: MemoryStore) -> None:
    judges = fake_judges(clock, predictor=FakePredictor(InferenceUnavailable("worker died")))
    with pytest.raises(InferenceUnavailable):
        inspect_specimen(Station(FakeSpectrometer(), None, judges, store), SPECIMEN)
    assert list(store.acquisitions) == [1]
    assert store.unconcluded() == [1]


def test_a_dead_spectrometer_leaves_nothing_behind(clock: FakeClock, store: MemoryStore) -> None:
    station = Station(FakeSpectrometer([LinkLost("gone")]), None, fake_judges(clock), store)
    with pytest.raises(LinkLost):
        inspect_specimen(station, SPECIMEN)
    assert store.acquisitions == {}


def test_a_dead_camera_costs_the_micrograph_and_leads_to_refer(clock: FakeClock, store: MemoryStore) -> None:
    predictor = FakePredictor()
    judges = fake_judges(clock, predictor=predictor)
    station = Station(FakeSpectrometer(), FakeCamera(LinkTimeout("stalled")), judges, store)
    inspection = inspect_specimen(station, SPECIMEN)
    assert inspection.conclusion.composition is not None
    assert predictor.images == [None]
    assert inspection.conclusion.verdict.outcome is Outcome.REFER
    assert codes(inspection.conclusion) == [ReasonCode.IMAGE_MISSING]


def test_a_line_without_a_camera_judges_by_the_spectrum_alone(clock: FakeClock, store: MemoryStore) -> None:
    station = Station(FakeSpectrometer(), None, fake_judges(clock), store)
    assert inspect_specimen(station, SPECIMEN).conclusion.verdict.outcome is Outcome.PASS


def test_nothing_is_inferred_from_an_unusable_scan(clock: FakeClock) -> None:
    predictor = FakePredictor()
    conclusion = conclude(fake_judges(clock, predictor=predictor), an_acquisition(white=None), STEADY)
    assert conclusion.composition is None
    assert predictor.images == []
    assert codes(conclusion) == [ReasonCode.NO_REFERENCE]


def test_a_reference_of_another_axis_is_refused_by_its_settings_not_by_a_crash(clock: FakeClock) -> None:
    from builders import AXIS_NM, a_scan

    other = a_white(a_scan(200_000.0, wavelength_nm=AXIS_NM + 2.0))
    conclusion = conclude(fake_judges(clock), an_acquisition(white=other), STEADY)
    assert codes(conclusion) == [ReasonCode.REFERENCE_OTHER_SETTING]


def test_a_frame_that_fails_a_gate_is_not_shown_to_the_model(clock: FakeClock) -> None:
    predictor = FakePredictor()
    blank = a_frame(np.full((64, 64, 3), 90, np.uint8))
    conclusion = conclude(
        fake_judges(clock, predictor=predictor), an_acquisition(frame=blank, camera_expected=True), STEADY
    )
    assert predictor.images == [None]
    assert codes(conclusion) == [ReasonCode.FRAME_UNIFORM]


def test_too_much_debris_is_kept_with_its_mask_but_not_measured(clock: FakeClock) -> None:
    predictor = FakePredictor()
    judges = fake_judges(clock, predictor=predictor, cleaner=FakeCleaner(0.5))
    conclusion = conclude(judges, an_acquisition(frame=a_frame(), camera_expected=True), STEADY)
    assert conclusion.cleaned is not None and conclusion.cleaned.filled_percent == 50.0
    assert predictor.images == [None]
    assert conclusion.defects == ()
    assert codes(conclusion) == [ReasonCode.TOO_MUCH_DEBRIS]


def test_a_failed_certificate_leaves_the_conclusion_untouched(clock: FakeClock, store: MemoryStore) -> None:
    judges = fake_judges(clock)
    done = inspect_specimen(Station(FakeSpectrometer(), None, judges, store), SPECIMEN)
    writer = FakeWriter([ReportFailed("too slow")])
    arguments = (judges, store, writer, done.number, done.acquisition, done.conclusion)
    with pytest.raises(ReportFailed):
        certify(*arguments)
    assert store.unreported() == [done.number]
    certify(*arguments)
    assert store.unreported() == []


def test_the_same_facts_give_the_same_opinion(clock: FakeClock) -> None:
    acquisition = an_acquisition(frame=a_frame(), camera_expected=True)
    first, second = (conclude(fake_judges(clock), acquisition, STEADY) for _ in range(2))
    assert first.verdict == second.verdict
    assert first.composition is not None and second.composition is not None
    assert first.composition.shares == second.composition.shares


def test_the_reference_is_that_of_the_instrument_that_measured(clock: FakeClock, store: MemoryStore) -> None:
    station = Station(FakeSpectrometer(), None, fake_judges(clock), store)
    acquisition = inspect_specimen(station, SPECIMEN).acquisition
    assert acquisition.white is not None and acquisition.white.instrument.serial == NANO.serial


def test_a_warming_spectrometer_must_not_decide() -> None:
    conclusion = conclude(fake_judges(FakeClock()), an_acquisition(), CalibrationStanding(warming=True))
    assert conclusion.verdict.outcome is Outcome.REFER
    assert ReasonCode.SPECTROMETER_WARMING in [reason.code for reason in conclusion.verdict.reasons]


class _DirtSeer(FakePredictor):
    """Sees the more cotton, the less of the picture was filled."""

    def predict(self, spectrum, image):
        super().predict(spectrum, image)
        cotton = 60.0 if image is not None and image.debris_mask.any() else 75.0
        return a_composition({"cotton": (cotton, cotton, cotton), "polyester": (100.0 - cotton,) * 3})


def test_what_would_have_been_inferred_without_cleaning_is_kept_beside(clock: FakeClock) -> None:
    predictor = _DirtSeer()
    judges = fake_judges(clock, predictor=predictor, cleaner=FakeCleaner(0.2))
    acquisition = an_acquisition(frame=a_frame(), camera_expected=True)
    conclusion = conclude(judges, acquisition, STEADY)
    assert conclusion.composition is not None
    assert [share.percent for share in conclusion.composition.shares] == [60.0, 40.0]
    assert [share.percent for share in conclusion.uncleaned] == [75.0, 25.0]
    cleaned, uncleaned = predictor.images
    assert cleaned is not None and uncleaned is not None
    assert not uncleaned.debris_mask.any()
    assert np.array_equal(uncleaned.pixels, acquisition.frame.pixels)


def test_nothing_is_inferred_twice_when_nothing_was_filled(clock: FakeClock) -> None:
    predictor = FakePredictor()
    acquisition = an_acquisition(frame=a_frame(), camera_expected=True)
    assert conclude(fake_judges(clock, predictor=predictor), acquisition, STEADY).uncleaned == ()
    assert len(predictor.images) == 1
