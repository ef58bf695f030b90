import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from builders_reports import PASSING, a_cleaned_image, a_composition, a_micrograph
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.inspection import Defect
from qc_daemon.domain.spectrum import Spectrum
from reports.charts import axis_ticks, round_step, share_bar, spectrum_chart
from reports.micrograph import draw_micrograph, scale_bar

AXIS_NM = np.linspace(900.0, 1700.0, 9)


def a_spectrum(absorbance, valid=None):
    valid = np.ones(9, bool) if valid is None else np.array(valid, bool)
    return Spectrum(AXIS_NM, np.array(absorbance, float), valid)


@settings(deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e4), st.integers(3, 9))
def test_ticks_are_round_inside_the_axis_and_not_too_many(low, span, at_most):
    ticks = axis_ticks(low, low + span, at_most)
    assert 1 <= len(ticks) <= at_most + 1
    assert all(-1e-9 <= tick.at <= 1 + 1e-9 for tick in ticks)
    assert len({tick.text for tick in ticks}) == len(ticks)
    for tick in ticks:
        assert float(tick.text) == pytest.approx(low + tick.at * span, abs=span * 1e-3)


@settings(deadline=None)
@given(st.floats(1e-6, 1e6))
def test_a_round_step_is_the_next_of_one_two_five(least):
    step = round_step(least)
    assert least * (1 - 1e-6) <= step <= 2.5001 * least


def test_a_spectrum_rises_to_the_right_where_its_absorbance_rises():
    chart = spectrum_chart(a_spectrum(np.linspace(0.1, 0.9, 9)), None)
    (line,) = chart.lines
    assert line[0][0] == 0.0
    assert line[-1][0] == 1.0
    assert all(a[1] < b[1] for a, b in itertools.pairwise(line))
    assert all(0.0 <= up <= 1.0 for _, up in line)


def test_masked_bands_leave_a_gap_in_the_line():
    chart = spectrum_chart(a_spectrum(np.full(9, 0.4), [1, 1, 1, 0, 0, 1, 1, 1, 1]), None)
    assert [len(line) for line in chart.lines] == [3, 4]


def test_a_spectrum_without_a_valid_band_still_has_a_frame():
    chart = spectrum_chart(a_spectrum(np.zeros(9), np.zeros(9)), None)
    assert chart.lines == ()
    assert chart.x_ticks


def test_the_strongest_window_is_shaded_most_and_outside_ones_are_clipped():
    evidence = a_composition(PASSING).evidence
    chart = spectrum_chart(a_spectrum(np.linspace(0.1, 0.9, 9)), evidence)
    strongest = max(chart.windows, key=lambda window: window.strength)
    at_nm = 900.0 + 800.0 * (strongest.left + strongest.right) / 2
    expected = evidence.window_edges_nm[np.argmax(evidence.window_weights)]
    assert strongest.strength == 1.0
    assert abs(at_nm - expected) <= 50.0
    assert all(0.0 <= window.left < window.right <= 1.0 for window in chart.windows)


def test_a_tolerance_band_ends_at_zero_and_at_a_hundred_percent():
    low = share_bar(FibreShare("wool", 1.0, 0.0, 2.0), 2.0, 5.0)
    high = share_bar(FibreShare("wool", 99.0, 97.0, 100.0), 98.0, 5.0)
    assert (low.band_lo, low.band_hi) == (0.0, 0.07)
    assert (high.band_lo, high.band_hi) == (0.93, 1.0)


def test_without_a_label_there_is_no_band():
    bar = share_bar(FibreShare("wool", 40.0, 37.0, 43.0), None, 5.0)
    assert bar.label is None
    assert bar.band_lo == bar.band_hi == 0.0


@pytest.mark.parametrize(
    ("field_um", "text"), [(1184.0, "200 µm"), (90.0, "20 µm"), (6000.0, "1 mm"), (0.9, "0.2 µm")]
)
def test_a_scale_bar_is_round_and_covers_a_visible_part(field_um, text):
    bar = scale_bar(field_um)
    assert bar.text == text
    assert 0.14 <= bar.length <= 0.3501


def test_debris_is_outlined_and_its_inside_is_left_as_taken():
    picture = draw_micrograph(a_cleaned_image(), None, ())
    drawn = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    redness = drawn[..., 0] - drawn[..., 1]
    mask = a_cleaned_image().debris_mask.astype(np.uint8)
    border = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(bool)
    inside = cv2.erode(mask, np.ones((9, 9), np.uint8)).astype(bool)
    assert redness[border].mean() > 100
    assert abs(redness[inside].mean()) < 15


def test_kept_regions_lie_in_the_middle_of_a_wider_image_at_their_own_size():
    evidence = replace(a_composition(PASSING).evidence, region_um=37.0)  # 4 rows, 6 columns of 20 px
    boxes = draw_micrograph(a_cleaned_image(), evidence, ()).regions
    left, top = 320 - 60, 240 - 40
    found = {(round(640 * box.x - left, 6), round(480 * box.y - top, 6)) for box in boxes}
    assert found == {(20.0 * column, 20.0 * row) for row, column in np.argwhere(evidence.region_kept)}
    for box in boxes:
        assert (640 * box.width, 480 * box.height) == pytest.approx((20.0, 20.0))


def test_without_an_image_used_no_region_is_marked():
    none = np.zeros((0, 0))
    evidence = replace(a_composition(PASSING).evidence, region_scores=none, region_kept=none.astype(bool))
    assert draw_micrograph(a_cleaned_image(), evidence, ()).regions == ()
    assert draw_micrograph(a_cleaned_image(), None, ()).regions == ()


def test_a_large_noisy_frame_is_downscaled_until_it_is_small():
    noise = np.random.default_rng(3).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    picture = draw_micrograph(a_cleaned_image(noise), None, ())
    assert len(picture.jpeg) <= 260_000
    assert picture.aspect == 0.75


def test_defect_boxes_are_numbered_fractions_of_the_frame():
    defects = (Defect("hole", 64, 48, 128, 96, 0.01, 0.9, "major"),) * 2
    boxes = draw_micrograph(a_cleaned_image(a_micrograph(480, 640)), None, defects).boxes
    assert [box.number for box in boxes] == [1, 2]
    assert (boxes[0].x, boxes[0].y, boxes[0].width, boxes[0].height) == (0.1, 0.1, 0.2, 0.2)
