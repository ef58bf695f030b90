"""Dirt on the optics is masked in every frame, stands in the record, raises an alarm, and can be replayed."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest
from builders import NOON, a_frame, an_acquisition
from fakes import FakeClock, FakeLine, FakeSpectrometer, FakeWriter, MemoryStore, fake_judges, opening

from instruments.camera.optics_files import newest_optics, optics_of, save_optics
from models.filling_methods import TELEA
from models.image_cleaner import DebrisCleaner
from models.optics_dirt import OpticsDirtFinder
from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.errors import ConfigError, StoreUnavailable
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.line import Cue, LineCounts, LineHealth
from qc_daemon.domain.optics import ROLE, OpticsMask
from qc_daemon.domain.replay import compare
from qc_daemon.line_loop import LineLoop
from qc_daemon.optics_watch import OpticsCare
from qc_daemon.pipeline import conclude
from qc_daemon.status import StatusBoard
from qc_daemon.workplace import Workplace

SIDE = 96
STEADY = CalibrationStanding()
SPECK = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (30, 60), 5, 1, -1) > 0
ACQUISITION = an_acquisition(camera_expected=True, frame=a_frame())


def a_mask(mask=None, **changes):
    spot = np.zeros((64, 64), bool)
    spot[10:14, 20:24] = True
    optics = OpticsMask(spot if mask is None else mask, "folder-camera", "cam-1", NOON)
    return replace(optics, **changes)


def fabric(seed):
    """Patches in another order for each seed, (SIDE, SIDE, 3) RGB."""
    patches = np.random.default_rng(seed).integers(70, 190, (SIDE // 6, SIDE // 6, 1))
    return np.repeat(np.kron(patches, np.ones((6, 6, 1))), 3, axis=2).astype(np.uint8)


def with_speck(pixels):
    return np.where(SPECK[..., None], np.uint8(8), pixels)


class FilmCamera:
    """Shows one picture after the other, as a camera under which the specimen moves."""

    def __init__(self, pictures):
        self._frames = iter([a_frame(pixels) for pixels in pictures])
        self.identity = a_frame().camera

    def frame_after(self, monotonic_s):
        return replace(next(self._frames), captured_monotonic_s=monotonic_s + 0.01)

    def is_live(self):
        return True


class Specimens:
    """A trigger that announces so many specimens."""

    health = LineHealth("", "running", "", LineCounts())

    def __init__(self, count):
        self._cues = [Cue(Specimen(f"S-{index}", "LOT", "R", 0.0, None), False) for index in range(count)]

    @property
    def ended(self):
        return not self._cues

    def next_cue(self, look, timeout_s, /):
        return self._cues.pop(0)

    def answer(self, cue, conclusion):
        pass

    def announce(self, state):
        pass

    def show_alarms(self, word):
        pass


class Station:
    """A line loop whose masks of the optics are files, and whose camera shows the given pictures."""

    def __init__(self, folder):
        self.folder, self.store = folder, MemoryStore()
        self.keep = lambda optics: save_optics(folder, optics)

    def run(self, pictures):
        """Inspect each picture; return the conclusions."""
        board = StatusBoard(self.folder / "status.json", SystemClock())
        work = Workplace(
            judges=fake_judges(SystemClock(), optics=newest_optics(self.folder)),
            store=self.store,
            report_writer=FakeWriter(),
            line=FakeLine(0),
            open_camera=lambda: nullcontext(FilmCamera(pictures)),
            open_spectrometer=opening(FakeSpectrometer()),
            optics_care=OpticsCare(lambda: OpticsDirtFinder(memory=16), self.keep),
        )
        alarms = Alarms(board, self.store, work.judges.clock)
        LineLoop(work, Specimens(len(pictures)), board, alarms).run()
        return [self.store.load_conclusion(number) for number in sorted(self.store.conclusions)][
            -len(pictures) :
        ]


def names_dirt(conclusion):
    return any(model.role == ROLE for model in conclusion.models)


@pytest.fixture
def station(tmp_path):
    return Station(tmp_path)


def test_dirt_is_found_as_specimens_pass_masked_from_then_on_and_an_alarm_asks_for_a_cleaning(station):
    conclusions = station.run([with_speck(fabric(seed)) for seed in range(20)])
    assert not names_dirt(conclusions[0])
    assert names_dirt(conclusions[-1])
    assert not conclusions[0].cleaned.debris_mask[SPECK].any()
    assert conclusions[-1].cleaned.debris_mask[SPECK].all()
    assert conclusions[-1].cleaned.filled_percent < 4.0
    assert station.store.alarms["optics"].startswith("dirt covers ")
    assert station.store.alarms["optics"].endswith("of the field of camera cam-1, limit 0.5 %")
    assert newest_optics(station.folder).mask[SPECK].all()


def test_after_a_restart_the_dirt_is_known_at_once_and_after_a_cleaning_it_is_forgotten(station):
    station.run([with_speck(fabric(seed)) for seed in range(16)])
    station.store.alarms.clear()
    first, *_ = station.run([with_speck(fabric(50))])
    assert names_dirt(first)
    assert "optics" in station.store.alarms
    *_, last = station.run([fabric(seed) for seed in range(100, 124)])
    assert not names_dirt(last)
    assert "optics" not in station.store.alarms


def test_clean_optics_raise_no_alarm_and_leave_no_file(station):
    conclusions = station.run([fabric(seed) for seed in range(24)])
    assert not any(names_dirt(one) for one in conclusions)
    assert "optics" not in station.store.alarms
    assert newest_optics(station.folder) is None


def test_a_specimen_that_never_moves_is_not_taken_for_dirt(station):
    conclusions = station.run([with_speck(fabric(1))] * 20)
    assert not any(names_dirt(one) for one in conclusions)


def test_a_mask_that_cannot_be_kept_is_not_used_for_it_could_not_be_replayed_but_the_alarm_comes(station):
    def full(_optics):
        raise StoreUnavailable("no space left on device")

    station.keep = full
    conclusions = station.run([with_speck(fabric(seed)) for seed in range(20)])
    assert not any(names_dirt(one) for one in conclusions)
    assert "optics" in station.store.alarms


def test_the_mask_is_filled_and_its_hash_stands_among_the_models():
    optics = a_mask()
    conclusion = conclude(fake_judges(FakeClock(), optics=optics), ACQUISITION, STEADY)
    assert np.array_equal(conclusion.cleaned.debris_mask, optics.mask)
    assert conclusion.models[-1] == optics.version
    assert conclusion.models[-1].name == "cam-1, 2026-11-24 12:00:00 UTC"


@pytest.mark.parametrize(
    "other",
    [
        a_mask(camera_serial="cam-2"), a_mask(camera_kind="v4l2"), a_mask(np.ones((64, 32), bool)),
        a_mask(np.zeros((64, 64), bool)),
    ],
)  # fmt: skip
def test_dirt_of_another_camera_or_none_is_neither_used_nor_named(other):
    conclusion = conclude(fake_judges(FakeClock(), optics=other), ACQUISITION, STEADY)
    assert not conclusion.cleaned.debris_mask.any()
    assert not names_dirt(conclusion)


def test_settings_of_the_camera_do_not_matter_for_where_dirt_lies():
    brighter = replace(ACQUISITION.frame, camera=replace(ACQUISITION.frame.camera, firmware="exposure 20 ms"))
    assert a_mask().fits(brighter)


def test_the_cleaner_fills_what_is_on_the_optics_and_says_so():
    frame = a_frame(np.repeat(fabric(3)[..., :1], 3, axis=2))
    cleaned = DebrisCleaner(TELEA).clean(frame, SPECK)
    assert cleaned.debris_mask[SPECK].all()
    assert cleaned.method.startswith("telea ")
    assert cleaned.method.endswith(", with dirt on the optics")
    assert DebrisCleaner(TELEA).clean(frame).method == "none"


def test_a_conclusion_is_replayed_with_the_mask_of_its_day(tmp_path):
    then, now = a_mask(), a_mask(np.ones((64, 64), bool), found_at=NOON + timedelta(days=1))
    for optics in (then, now):
        save_optics(tmp_path, optics)
    drawn = conclude(fake_judges(FakeClock(), optics=then), ACQUISITION, STEADY)
    digest = next(model.digest for model in drawn.models if model.role == ROLE)
    again = conclude(fake_judges(FakeClock(), optics=optics_of(tmp_path, digest)), ACQUISITION, STEADY)
    assert again.models == drawn.models
    assert not compare(drawn, again).differences
    assert newest_optics(tmp_path).sha256 == now.sha256
    assert optics_of(tmp_path, "0" * 64) is None


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[: len(content) // 2]])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = save_optics(tmp_path, a_mask())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ConfigError, match=path.name):
        newest_optics(tmp_path)
