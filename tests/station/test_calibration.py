"""What calibration means to an inspection, and the story of references, darks and checks, on fakes."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from builders import AXIS_NM, NANO, NOON, a_composition, a_scan, a_white, an_acquisition
from fakes import FakeClock, FakeLine, FakePredictor, FakeSpectrometer, MemoryStore, fake_judges

from qc_daemon.calibration import Bench, check_tile, check_wavelengths, duties, take_dark
from qc_daemon.domain.calibration import (
    CalibrationStanding,
    CheckKind,
    CheckRun,
    ControlReset,
    DarkReference,
    LastCalibration,
    WavelengthStandard,
)
from qc_daemon.domain.composition import Composition
from qc_daemon.domain.control_charts import ChartPoint, ChartRules
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.reference_validity import ReferenceLimits, Validity
from qc_daemon.domain.spectrum import ReflectanceTile, Scan, Spectrum
from qc_daemon.domain.transfer import Transfer
from qc_daemon.domain.verdict import Outcome
from qc_daemon.pipeline import conclude
from qc_daemon.references import renew_reference, take_tile_reference

LIMITS = ReferenceLimits()
STEADY = CalibrationStanding()
OUT = CalibrationStanding(None, (Reason(ReasonCode.TILE_OUT_OF_CONTROL, "1100 nm, 1_3s"),))
GREY = ReflectanceTile("grey", np.array([800.0, 1800.0]), np.array([0.5, 0.5]))


class CalibrationMemory(MemoryStore):
    """A memory store that keeps darks, checks and resets too; charts as `storage` makes them."""

    def __init__(self) -> None:
        super().__init__()
        self.darks: list[DarkReference] = []
        self.checks: list[CheckRun] = []

    def add_dark(self, dark: DarkReference) -> None:
        self.darks.append(dark)

    def add_check(self, run: CheckRun) -> None:
        self.checks.append(run)

    def reset_control(self, reset: ControlReset) -> None:
        self.checks.clear()

    def chart(
        self, serial: str, kind: CheckKind, standard_id: str, position_nm: float
    ) -> tuple[ChartPoint, ...]:
        return tuple(
            ChartPoint((value.measured or value.certified) - value.certified, value.rule)
            for run in self.checks
            for value in run.values
            if (run.kind, run.standard_id, value.position_nm) == (kind, standard_id, position_nm)
        )


class SeesScans(FakeSpectrometer):
    """A spectrometer that shows the scans it was given, the last one for ever."""

    def __init__(self, *scans: Scan) -> None:
        super().__init__()
        self._scans = list(scans)

    def measure(self) -> Scan:
        return self._scans.pop(0) if len(self._scans) > 1 else self._scans[0]


class SeesWhatIsInferredFrom(FakePredictor):
    """A predictor that remembers the spectrum."""

    seen: Spectrum

    def predict(self, spectrum: Spectrum, image: CleanedImage | None) -> Composition:
        self.seen = spectrum
        return a_composition({"cotton": (59.0, 60.0, 61.0), "polyester": (39.0, 40.0, 41.0)})


def a_bench(spectrometer: FakeSpectrometer, store: CalibrationMemory, clock: FakeClock) -> Bench:
    rules = ChartRules(action_limit=0.02, least_sigma=0.0005)
    nm_rules = ChartRules(action_limit=1.0, least_sigma=0.02)
    return Bench(spectrometer, store, clock, lambda: f"id-{len(store.checks)}", LIMITS, rules, nm_rules)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> CalibrationMemory:
    made = CalibrationMemory()
    made.add_reference(a_white())
    return made


def codes(reasons: tuple[Reason, ...]) -> list[ReasonCode]:
    return [reason.code for reason in reasons]


# what it means to an inspection


def test_a_reference_that_is_due_is_a_remark_and_the_verdict_stands(clock: FakeClock) -> None:
    late = an_acquisition(triggered_at=NOON + timedelta(minutes=40))
    verdict = conclude(fake_judges(clock), late, STEADY).verdict
    assert verdict.outcome is Outcome.PASS
    assert codes(verdict.reasons)[-1] is ReasonCode.REFERENCE_AGEING


def test_a_reference_that_blocks_leads_to_refer_without_a_composition(clock: FakeClock) -> None:
    conclusion = conclude(
        fake_judges(clock), an_acquisition(triggered_at=NOON + timedelta(minutes=61)), STEADY
    )
    assert conclusion.verdict.outcome is Outcome.REFER
    assert conclusion.composition is None
    assert codes(conclusion.verdict.reasons) == [ReasonCode.REFERENCE_EXPIRED]


def test_a_reconnection_since_the_reference_is_a_remark(clock: FakeClock) -> None:
    late = an_acquisition(triggered_at=NOON + timedelta(minutes=5))
    lost = CalibrationStanding(NOON + timedelta(minutes=1), ())
    verdict = conclude(fake_judges(clock), late, lost).verdict
    assert (verdict.outcome, codes(verdict.reasons)[-1]) == (
        Outcome.PASS,
        ReasonCode.REFERENCE_RECONNECTED,
    )


def test_out_of_control_stops_the_verdict_but_not_the_measurement(clock: FakeClock) -> None:
    conclusion = conclude(fake_judges(clock), an_acquisition(), OUT)
    assert conclusion.composition is not None
    assert conclusion.verdict.outcome is Outcome.REFER
    assert conclusion.verdict.reasons == OUT.out_of_control


def test_a_transfer_is_applied_before_inference_and_recorded_by_its_hash(clock: FakeClock) -> None:
    predictor = SeesWhatIsInferredFrom()
    zeros, ones = np.zeros(len(AXIS_NM)), np.ones((len(AXIS_NM), 1))
    transfer = Transfer(NANO.serial, "5510004", "bias and slope", AXIS_NM, zeros + 0.05, ones, "ab" * 32)
    plain = fake_judges(clock, predictor=predictor)
    conclude(plain, an_acquisition(), STEADY)
    before = predictor.seen
    conclusion = conclude(replace(plain, transfer=transfer), an_acquisition(), STEADY)
    np.testing.assert_allclose(predictor.seen.absorbance, before.absorbance + 0.05)
    assert conclusion.models[-1] == ModelVersion(
        "transfer", f"{NANO.serial} as 5510004: bias and slope", "ab" * 32
    )


def test_a_transfer_of_another_unit_is_refused(clock: FakeClock) -> None:
    transfer = Transfer("9", "1", "x", AXIS_NM, np.zeros(len(AXIS_NM)), np.ones((len(AXIS_NM), 1)))
    conclusion = conclude(fake_judges(clock, transfer=transfer), an_acquisition(), STEADY)
    assert (conclusion.verdict.outcome, conclusion.composition) == (Outcome.REFER, None)
    assert codes(conclusion.verdict.reasons) == [ReasonCode.TRANSFER_OTHER_INSTRUMENT]


# references


def renewed(store: CalibrationMemory, clock: FakeClock, line: FakeLine, last: Scan | None = None) -> bool:
    spectrometer = FakeSpectrometer()
    return renew_reference(spectrometer, line, store, clock, lambda: "new", LIMITS, last) is not None


def test_a_line_with_a_tile_renews_when_the_reference_is_due(
    store: CalibrationMemory, clock: FakeClock
) -> None:
    assert not renewed(store, clock, FakeLine(0))
    hot = a_scan(conditions=replace(a_scan().conditions, system_temperature_c=33.5))
    assert renewed(store, clock, FakeLine(0), hot)
    clock.advance(1801.0)
    assert renewed(store, clock, FakeLine(0))


def test_a_reconnection_makes_a_reference_due(store: CalibrationMemory, clock: FakeClock) -> None:
    store.standing = CalibrationStanding(NOON + timedelta(seconds=1))
    clock.advance(1.0)
    assert renewed(store, clock, FakeLine(0))


def test_a_tile_reading_is_never_replaced_by_the_factory_reference(
    store: CalibrationMemory, clock: FakeClock
) -> None:
    clock.advance(7200.0)
    assert not renewed(store, clock, FakeLine(0, has_tile=False))
    assert store.current_reference(NANO.serial) is store.references[0]


def test_the_factory_reference_serves_where_there_is_no_other(clock: FakeClock) -> None:
    store = CalibrationMemory()
    assert renewed(store, clock, FakeLine(0, has_tile=False))
    assert store.references[0].source == "factory"


def test_a_tile_whose_certificate_ends_too_early_makes_no_reference(
    store: CalibrationMemory, clock: FakeClock
) -> None:
    short = ReflectanceTile("short", np.array([950.0, 1800.0]), np.array([1.0, 1.0]))
    with pytest.raises(InputError, match=r"certificate of short covers 950 to 1800 nm; .* 900\.0 to 1700\.0"):
        take_tile_reference(FakeSpectrometer(), short, store, clock, lambda: "new")
    assert len(store.references) == 1


# darks and checks


def test_a_dark_is_stored_with_its_scan(store: CalibrationMemory, clock: FakeClock) -> None:
    dark = take_dark(a_bench(FakeSpectrometer(), store, clock))
    assert store.darks == [dark]
    assert dark.scan.dark_counts.max() == 1000.0


def test_a_grey_tile_at_its_certificate_is_in_control(store: CalibrationMemory, clock: FakeClock) -> None:
    run = check_tile(a_bench(SeesScans(a_scan(100_000.0)), store, clock), GREY)
    assert run.in_control and store.checks == [run]
    assert [value.measured for value in run.values] == pytest.approx([0.5] * 5)
    assert run.white_id == "white-1"


def test_a_grey_tile_far_off_is_out_of_control_at_once(store: CalibrationMemory, clock: FakeClock) -> None:
    counts = np.full(len(AXIS_NM), 100_000.0)
    counts[:4] = 105_000.0
    run = check_tile(a_bench(SeesScans(a_scan(counts)), store, clock), GREY)
    assert [value.rule for value in run.values] == ["limit", "", "", "", ""]
    assert not run.in_control


def test_a_small_change_is_out_of_control_once_there_is_a_baseline(
    store: CalibrationMemory, clock: FakeClock
) -> None:
    steady = a_bench(SeesScans(a_scan(100_000.0)), store, clock)
    changed = a_bench(SeesScans(a_scan(100_400.0)), store, clock)  # 0.002 reflectance, far within the limit
    assert check_tile(changed, GREY).in_control
    store.checks.clear()
    for _ in range(10):
        assert check_tile(steady, GREY).in_control
    assert {value.rule for value in check_tile(changed, GREY).values} == {"1_3s"}
    assert check_tile(steady, GREY).in_control


def peaked(place_nm: float) -> Scan:
    axis_nm = np.linspace(900.0, 1700.0, 229)
    absorbance = 0.1 + 0.4 * np.exp(-0.5 * ((axis_nm - place_nm) / 10.0) ** 2)
    return a_scan(200_000.0 * 10.0**-absorbance, wavelength_nm=axis_nm)


@pytest.fixture
def fine_store() -> CalibrationMemory:
    made = CalibrationMemory()
    made.add_reference(a_white(a_scan(200_000.0, wavelength_nm=np.linspace(900.0, 1700.0, 229))))
    return made


@pytest.mark.parametrize(
    ("place_nm", "rule"),
    [(1222.5, ""), (1223.2, ""), (1223.9, "limit"), (1221.2, "limit"), (1260.0, "not found")],
)
def test_a_peak_is_held_against_its_certified_place(
    fine_store: CalibrationMemory, clock: FakeClock, place_nm: float, rule: str
) -> None:
    standard = WavelengthStandard("REO", np.array([1222.5, 1945.7]))
    run = check_wavelengths(a_bench(SeesScans(peaked(place_nm)), fine_store, clock), standard)
    assert [value.rule for value in run.values] == [rule]  # 1945.7 nm is beyond this spectrometer
    assert run.in_control is (rule == "")


def test_a_standard_without_a_peak_in_range_is_refused(
    fine_store: CalibrationMemory, clock: FakeClock
) -> None:
    standard = WavelengthStandard("far", np.array([1945.7]))
    with pytest.raises(InputError, match=r"far has no certified peak between 900\.0 and 1700\.0 nm"):
        check_wavelengths(a_bench(SeesScans(peaked(1222.5)), fine_store, clock), standard)


@pytest.mark.parametrize("after_s", [None, 3601.0])
def test_a_check_without_a_usable_reference_is_refused_and_not_stored(
    clock: FakeClock, after_s: float | None
) -> None:
    store = CalibrationMemory()
    if after_s is not None:
        store.add_reference(a_white())
        clock.advance(after_s)
    with pytest.raises(InputError, match="run `qc-daemon calibrate white` first"):
        check_tile(a_bench(FakeSpectrometer(), store, clock), GREY)
    assert store.checks == []


# what is due


def a_last(**changes: object) -> LastCalibration:
    last = LastCalibration(NANO, NOON, NOON, "tile", NOON, True, NOON, True)
    return replace(last, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("last", "validity", "after", "states"),
    [
        (a_last(), Validity(()), timedelta(hours=1), ["ok", "ok", "ok", "ok"]),
        (a_last(), Validity(()), timedelta(hours=24), ["ok", "due", "due", "due"]),
        (
            a_last(tile_in_control=False),
            Validity((Reason(ReasonCode.REFERENCE_AGEING),)),
            timedelta(hours=1),
            ["due", "ok", "out of control", "ok"],
        ),
        (
            a_last(dark_at=None, tile_at=None, wavelength_at=None),
            Validity((Reason(ReasonCode.REFERENCE_EXPIRED),)),
            timedelta(hours=2),
            ["blocked", "never", "never", "never"],
        ),
        (
            a_last(white_at=None),
            Validity((Reason(ReasonCode.NO_REFERENCE),)),
            timedelta(0),
            ["never"] + ["ok"] * 3,
        ),
    ],
)
def test_what_is_due_is_said_for_each_duty(
    last: LastCalibration, validity: Validity, after: timedelta, states: list[str]
) -> None:
    found = duties(last, validity, NOON + after, LIMITS, 86_400.0)
    assert [duty.what for duty in found] == ["white", "dark", "tile check", "wavelength check"]
    assert [duty.state for duty in found] == states


def test_a_white_reference_is_due_after_half_of_what_blocks_and_a_factory_one_never() -> None:
    def due_at(last: LastCalibration) -> datetime | None:
        return duties(last, Validity(()), NOON, LIMITS, 86_400.0)[0].due_at

    assert due_at(a_last()) == NOON + timedelta(minutes=30)
    assert due_at(a_last(white_source="factory")) is None
