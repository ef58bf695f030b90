"""A specimen is announced by its spectrum: once, when it lies still, after an empty view."""

from collections.abc import Sequence

import numpy as np
import pytest
from builders import AXIS_NM
from fakes import FakeClock

from instruments.line.interval import IntervalTrigger
from instruments.line.presence import PresenceTrigger
from qc_daemon.domain.errors import LinkLost
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.line import LineCounts, LineHealth
from qc_daemon.domain.spectrum import Spectrum

SPECIMEN = Specimen("S-1", "", "R-1", 0.0, None)


def cloth(level: float = 0.4) -> Spectrum:
    return Spectrum(AXIS_NM, np.full(len(AXIS_NM), level), np.ones(len(AXIS_NM), bool))


def announcements(views: Sequence[Spectrum | None]) -> list[int]:
    """Return at which views a specimen was announced."""
    trigger = PresenceTrigger(lambda: SPECIMEN, None, 0.0, FakeClock())
    return [number for number, view in enumerate(views) if trigger.next_cue(lambda view=view: view, 0.0)]


def test_a_specimen_that_lies_still_is_announced_at_the_third_look() -> None:
    assert announcements([None, cloth(), cloth(), cloth(), cloth(), cloth()]) == [3]


def test_each_specimen_is_announced_once_after_an_empty_view() -> None:
    still = [cloth(0.4)] * 5
    assert announcements([*still, None, *still, None, None, *still]) == [2, 8, 15]


def test_a_hand_that_moves_is_no_specimen() -> None:
    assert announcements([cloth(0.3 + 0.05 * step) for step in range(10)]) == []


def test_a_specimen_that_is_still_being_laid_out_is_waited_for() -> None:
    assert announcements([cloth(0.8), cloth(0.6), cloth(0.5), cloth(0.5), cloth(0.5)]) == [4]


def test_a_look_too_few_before_an_empty_view_counts_for_nothing() -> None:
    assert announcements([cloth(), cloth(), None, cloth(), cloth(), None]) == []


def test_a_spectrometer_of_another_axis_begins_the_looks_anew() -> None:
    other = Spectrum(AXIS_NM[:9], np.full(9, 0.4), np.ones(9, bool))
    assert announcements([cloth(), cloth(), other, other, other]) == [4]


def test_a_spectrometer_that_fails_is_the_station_s_business() -> None:
    def look() -> Spectrum:
        raise LinkLost("unplugged")

    with pytest.raises(LinkLost):
        PresenceTrigger(lambda: SPECIMEN, None, 0.0, FakeClock()).next_cue(look, 0.0)


def test_the_health_is_that_of_the_device_that_identifies() -> None:
    lost = LineHealth("scanner", "lost", "unplugged", LineCounts(garbage_bytes=7))
    assert PresenceTrigger(lambda: SPECIMEN, lambda: lost, 0.0, FakeClock()).health == lost
    assert PresenceTrigger(lambda: SPECIMEN, None, 0.0, FakeClock()).health.trouble == ""


class OneRoll:
    """A line of endless specimens."""

    def next_specimen(self) -> Specimen:
        return SPECIMEN

    def show_white_tile(self) -> None:
        return None


def test_ticks_that_an_inspection_overslept_are_not_made_up() -> None:
    clock = FakeClock()
    trigger = IntervalTrigger(OneRoll(), 5.0, clock)
    assert trigger.next_cue(lambda: None, 0.0) is not None
    clock.advance(17.0)  # a long inspection
    assert trigger.next_cue(lambda: None, 0.0) is not None
    assert trigger.next_cue(lambda: None, 0.0) is None
    clock.advance(4.9)
    assert trigger.next_cue(lambda: None, 0.0) is None
    clock.advance(0.1)
    assert trigger.next_cue(lambda: None, 0.0) is not None
