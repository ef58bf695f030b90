"""What was stored comes back equal: from the database, and from the journal while that is locked."""

import dataclasses
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from builders_storage import (
    NOON,
    acquisition,
    cleaned,
    composition,
    conclusion,
    frame,
    new_id,
    refusal,
    same,
    scan,
    specimen,
    station_store,
    unlabelled,
    white_reference,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_daemon.domain.composition import Evidence, FibreShare
from qc_daemon.domain.errors import InputError, IntegrityError, StoreUnavailable
from qc_daemon.domain.inspection import Defect, ModelVersion
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.verdict import Outcome, Verdict
from storage.fsck import check_station

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)
NUMBERS = st.floats(allow_nan=False)
MOMENTS = st.datetimes(timezones=st.just(UTC))


@pytest.fixture(scope="module")
def station(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("station")


@pytest.fixture(scope="module")
def store(station):
    with station_store(station) as opened:
        yield opened


def altered(station: Path) -> list[str]:
    """What `fsck` takes for altered: no stored acquisition may look so."""
    return [problem for problem in check_station(station).problems if "altered" in problem]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"white": None, "frame": None, "camera_expected": False},
        {"frame": None},
        {"specimen": unlabelled()},
        {"specimen": specimen(position_m=-0.0)},
        {"white": white_reference(source="factory", tile_id="factory")},
    ],
    ids=["whole", "bare", "camera failed", "no label", "minus zero", "factory reference"],
)
def test_an_acquisition_comes_back_equal(store, station, changes):
    stored = acquisition(seed=5, **changes)
    number = store.add_acquisition(stored).number
    assert same(store.load_acquisition(number), stored)
    assert altered(station) == []


@st.composite
def specimens(draw):
    fibres = draw(st.lists(st.builds(DeclaredFibre, TEXTS, FINITE), max_size=3))
    label = draw(st.none() | st.builds(DeclaredLabel, TEXTS, st.just(tuple(fibres))))
    return specimen(id=draw(TEXTS), lot=draw(TEXTS), roll=draw(TEXTS), position_m=draw(FINITE), label=label)


@settings(max_examples=25, deadline=None)
@given(
    about=specimens(),
    seed=st.integers(0, 1000),
    moment=MOMENTS,
    seconds=FINITE,
    repeats=st.integers(0, 2**62),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_any_acquisition_comes_back_equal(store, station, about, seed, moment, seconds, repeats, size):
    image = frame(seed, *size, captured_at=moment, captured_monotonic_s=seconds, repeats=repeats)
    stored = acquisition(
        specimen=about, scan=scan(seed), frame=image, triggered_at=moment, acquire_seconds=seconds
    )
    assert same(store.load_acquisition(store.add_acquisition(stored).number), stored)
    assert altered(station) == []


@st.composite
def compositions(draw):
    first = draw(st.floats(0, 100))
    shares = tuple(
        FibreShare(name, share, share * draw(st.floats(0, 1)), share + (100 - share) * draw(st.floats(0, 1)))
        for name, share in (("wool", first), ("nylon", 100 - first))
    )
    shape = (draw(st.integers(0, 4)), draw(st.integers(0, 4)))
    windows = draw(st.integers(0, 5))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    evidence = Evidence(
        random.random(shape, np.float32),
        random.random(shape) > 0.5,
        np.sort(random.random(windows + 1)),
        random.random(windows, np.float32),
        draw(st.floats(0.1, 1e3)),
    )
    novelty, limit = draw(NUMBERS), draw(NUMBERS)
    return composition(
        shares=shares, main_fibre=draw(TEXTS), novelty=novelty, novelty_limit=limit,
        basis=draw(TEXTS), interval_coverage=draw(FINITE), evidence=evidence,
    )  # fmt: skip


PIXELS = st.integers(-(2**40), 2**40)
DEFECTS = st.builds(Defect, TEXTS, PIXELS, PIXELS, PIXELS, PIXELS, FINITE, FINITE, TEXTS)
FIGURES = st.none() | NUMBERS
REASONS = st.builds(Reason, st.sampled_from(ReasonCode), TEXTS, FIGURES, FIGURES)


@settings(max_examples=25, deadline=None)
@given(
    answer=st.none() | compositions(),
    defects=st.lists(DEFECTS, max_size=3),
    reasons=st.lists(REASONS, max_size=4),
    outcome=st.sampled_from(Outcome),
    models=st.lists(st.builds(ModelVersion, TEXTS, TEXTS, TEXTS), max_size=3),
    rule=st.builds(
        Tolerance,
        TEXTS,
        TEXTS,
        TEXTS,
        FINITE,
        FINITE,
        FINITE,
        FINITE,
        st.none() | FINITE,
        st.booleans(),
        st.booleans(),
        TEXTS,
    ),
    moment=MOMENTS,
)
def test_any_conclusion_comes_back_equal(store, answer, defects, reasons, outcome, models, rule, moment):
    about = acquisition()
    number = store.add_acquisition(about).number
    stored = conclusion(
        about,
        composition=answer,
        defects=tuple(defects),
        verdict=Verdict(outcome, tuple(reasons)),
        models=tuple(models),
        tolerance=rule,
        concluded_at=moment,
    )
    store.add_conclusion(number, stored)
    assert same(store.load_conclusion(number), stored)


def test_a_refusal_without_composition_and_image_comes_back_equal(store):
    about = acquisition(frame=None)
    number = store.add_acquisition(about).number
    stored = refusal(about)
    store.add_conclusion(number, stored)
    assert same(store.load_conclusion(number), stored)


def test_a_clean_image_keeps_an_empty_mask(store):
    about = acquisition(seed=9)
    image = dataclasses.replace(
        cleaned(about.frame),
        pixels=about.frame.pixels,
        debris_mask=np.zeros(about.frame.pixels.shape[:2], bool),
    )
    number = store.add_acquisition(about).number
    stored = conclusion(about, cleaned=image)
    store.add_conclusion(number, stored)
    assert same(store.load_conclusion(number), stored)


def test_a_white_reference_comes_back_equal(store):
    stored = white_reference(seed=77)
    store.add_reference(stored)
    assert same(store.current_reference(stored.instrument.serial), stored)


def test_a_conclusion_with_a_figure_that_is_no_number_is_refused(store):
    about = acquisition()
    number = store.add_acquisition(about).number
    with pytest.raises(IntegrityError, match="novelty of a conclusion is NaN"):
        store.add_conclusion(number, conclusion(about, composition=composition(novelty=float("nan"))))
    assert number in store.unconcluded()


def test_a_cleaned_image_of_another_frame_is_refused(store):
    about = acquisition()
    number = store.add_acquisition(about).number
    other = cleaned(frame(height=10, width=10))
    with pytest.raises(IntegrityError, match="its cleaned image is not that of acquisition"):
        store.add_conclusion(number, conclusion(about, cleaned=other))


def test_a_number_that_was_never_given_is_an_input_error(store):
    for number in (0, 999_999_999, 10**30):
        with pytest.raises(InputError, match=f"inspection {number} does not exist"):
            store.load_acquisition(number)


def test_a_scan_of_an_unknown_format_is_kept_and_says_what_it_lacks(store):
    odd = dataclasses.replace(scan(), raw_format="ocean")
    number = store.add_acquisition(acquisition(id=new_id(), scan=odd, triggered_at=NOON)).number
    with pytest.raises(StoreUnavailable, match='format "ocean"; known: plain-json'):
        store.load_acquisition(number)
