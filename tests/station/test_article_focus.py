"""A frame that is clearly less sharp than others of its lot is refused, whatever other fabrics look like."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import a_frame
from fakes import FakeSpectrometer, FakeWriter, MemoryStore, fake_judges, opening

from instruments.line.interval import IntervalTrigger
from qc_daemon.alarms import Alarms
from qc_daemon.article_focus import ArticleFocus
from qc_daemon.clock import SystemClock
from qc_daemon.domain.focus import focus_measure, grey_levels, least_usual_focus
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.judge_settings import judge_settings
from qc_daemon.domain.quality import FrameLimits
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.line_loop import LineLoop
from qc_daemon.status import StatusBoard
from qc_daemon.workplace import Workplace


def fibres(seed: int, blur_px: float = 0.0, noise: float = 0.0) -> Any:
    """(96, 96, 3) crossing lines at random places: a fabric that is another field in each frame."""
    chance = np.random.default_rng(seed)
    canvas = np.full((96, 96), 90.0)
    for _ in range(40):
        ends = chance.integers(0, 96, (2, 2)).tolist()
        cv2.line(canvas, *ends, float(chance.integers(120, 200)), 2, cv2.LINE_AA)
    canvas = cv2.GaussianBlur(canvas, (0, 0), blur_px) if blur_px else canvas
    canvas = np.clip(canvas + noise * chance.normal(size=canvas.shape), 0, 255)
    return np.repeat(np.rint(canvas).astype(np.uint8)[..., None], 3, axis=2)


def sharpness(pixels: Any) -> float:
    return focus_measure(grey_levels(pixels))


def judged(pixels: Any, um_per_pixel: float = 1.0) -> CleanedImage:
    return CleanedImage(pixels, pixels, np.zeros(pixels.shape[:2], np.bool_), um_per_pixel, "none")


class TakesTurns:
    """A camera that shows one picture after another, and lots that go with them."""

    identity = a_frame().camera

    def __init__(self, *pictures: Any) -> None:
        self._left = list(pictures)

    def __enter__(self) -> "TakesTurns":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def is_live(self) -> bool:
        return True

    def frame_after(self, monotonic_s: float) -> Any:
        return a_frame(self._left.pop(0), captured_monotonic_s=monotonic_s)


class Lots:
    """Brings specimens of these lots."""

    def __init__(self, *lots: str) -> None:
        self._left = list(lots)

    def next_specimen(self) -> Specimen | None:
        return Specimen(f"S-{len(self._left)}", self._left.pop(0), "R", 0.0, None) if self._left else None

    def show_white_tile(self) -> None:
        return None


def inspect(store: MemoryStore, folder: Path, lots: list[str], pictures: list[Any]) -> list[list[ReasonCode]]:
    """Inspect a picture of each lot in turn; return what each verdict of this run says."""
    clock, line = SystemClock(), Lots(*lots)
    before = len(store.conclusions)
    work = Workplace(
        judges=fake_judges(clock),  # type: ignore[arg-type]
        store=store,
        report_writer=FakeWriter(),
        line=line,  # type: ignore[arg-type]
        open_spectrometer=opening(FakeSpectrometer()),
        open_camera=lambda: TakesTurns(*pictures),
    )
    board = StatusBoard(folder / "status.json", clock)
    trigger = IntervalTrigger(line, 0.0, clock)  # type: ignore[arg-type]
    LineLoop(work, trigger, board, Alarms(board, store, clock)).run()
    newest = [
        each[-1].verdict.reasons for number, each in sorted(store.conclusions.items()) if number > before
    ]
    return [[reason.code for reason in reasons] for reasons in newest]


def test_a_frame_blurred_by_three_pixels_is_refused_once_five_of_its_lot_are_known(tmp_path: Path) -> None:
    blurred = fibres(77, blur_px=3.0)
    assert sharpness(blurred) > 10 * FrameLimits().min_focus  # the limit of all fabrics lets it pass
    pictures = [blurred, *(fibres(seed) for seed in range(6)), blurred, fibres(9)]
    store = MemoryStore()
    said = inspect(store, tmp_path, ["LOT"] * len(pictures), pictures)
    assert [ReasonCode.UNFOCUSED in codes for codes in said] == [False] * 7 + [True, False]
    limit = next(r.limit for r in store.conclusions[8][-1].verdict.reasons if r.code is ReasonCode.UNFOCUSED)
    assert judge_settings(store.conclusions[8][-1].settings).frame_limits.min_focus == limit


def test_noise_does_not_make_a_blurred_frame_pass_for_one_of_its_lot(tmp_path: Path) -> None:
    pictures = [*(fibres(seed) for seed in range(6)), fibres(77, blur_px=3.0, noise=10.0)]
    said = inspect(MemoryStore(), tmp_path, ["LOT"] * 7, pictures)
    assert ReasonCode.UNFOCUSED in said[-1]


def test_lots_are_not_held_against_one_another_and_a_frame_without_a_lot_against_none(
    tmp_path: Path,
) -> None:
    pictures = [*(fibres(seed) for seed in range(6)), fibres(77, blur_px=3.0), fibres(78, blur_px=3.0)]
    said = inspect(MemoryStore(), tmp_path, [*["LOT-1"] * 6, "LOT-2", ""], pictures)
    assert not any(ReasonCode.UNFOCUSED in codes for codes in said)


def test_what_is_usual_outlives_a_restart(tmp_path: Path) -> None:
    store = MemoryStore()
    inspect(store, tmp_path, ["LOT"] * 6, [fibres(seed) for seed in range(6)])
    said = inspect(store, tmp_path, ["LOT"], [fibres(77, blur_px=3.0)])
    assert ReasonCode.UNFOCUSED in said[-1]


def test_a_store_that_does_not_answer_leaves_the_limit_of_all_fabrics() -> None:
    store = MemoryStore()
    store.database_down = True
    assert ArticleFocus(store).limits_for("LOT", FrameLimits()) == FrameLimits()


@pytest.mark.parametrize("changed", [{"um_per_pixel": 2.0}, {"side": 64}])
def test_another_scale_or_size_of_the_frames_begins_anew(changed: dict[str, float]) -> None:
    focus = ArticleFocus(MemoryStore())
    for seed in range(6):
        focus.note("LOT", judged(fibres(seed)))
    assert focus.limits_for("LOT", FrameLimits()).min_focus > FrameLimits().min_focus
    side = int(changed.get("side", 96))
    focus.note("LOT", judged(fibres(7)[:side], changed.get("um_per_pixel", 1.0)))
    assert focus.limits_for("LOT", FrameLimits()) == FrameLimits()


def test_an_article_whose_own_fields_differ_more_is_given_more_room() -> None:
    even, uneven = [1e-4] * 10, [1e-4 * 10.0 ** (step / 5.0) for step in range(-5, 6)]
    assert least_usual_focus(even) == pytest.approx(1e-4 / 4.0, rel=0.2)
    assert least_usual_focus(uneven) < 1e-4 / 10.0
    assert least_usual_focus(even[:4]) == 0.0


def test_the_least_usual_focus_hardly_moves_with_single_frames() -> None:
    chance = np.random.default_rng(1)
    usual = np.exp(chance.normal(np.log(2e-4), 0.3, 60))
    limits = {least_usual_focus(usual[begin : begin + 20]) for begin in range(40)}
    assert len(limits) <= 2
    spoilt = [*usual[:20], 4e-6, 4e-6, 4e-6]
    assert least_usual_focus(spoilt) == pytest.approx(least_usual_focus(usual[:20]), rel=0.5)
