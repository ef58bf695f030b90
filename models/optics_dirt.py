"""Finds dirt on the optics: what stays in place in camera coordinates while the specimen moves.

Each frame gives a *deviation*: the logarithm of its brightness less that of the surroundings. Dirt on the
optics takes the same share of the light of every frame, so it stays in the mean of the deviations, whereas
fabric averages out. How far the mean strays by chance is measured: from the spread over frames, and from
that of the mean over the field, which is the larger one where frames look alike, as those of one weave in one
place do. This is done at three scales: a speck shows at the finest, a faint droplet only when its pixels
are taken together. docs/inpainting.md has what was measured.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.flat_field import MIN_LIGHT_SHARE
from qc_daemon.domain.optics import OpticsDirt

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def find_optics_dirt(frames: Iterable[Pixels], blank: Floats | None = None) -> OpticsDirt:
    """Return what lies on the optics of a camera from frames of it between which the specimen moved.

    Args:
        frames: (height, width, 3) RGB each.
        blank: light of an even white view, by which the frames are divided in use; what that evens out
            is not found again.

    Raises:
        InputError: the frames are not of one size, too few, or too alike to tell.
    """
    finder, first, seen, moved = OpticsDirtFinder(None, blank), (0, 0), 0, 0
    for pixels in frames:
        size = (pixels.shape[1], pixels.shape[0])
        first = size if seen == 0 else first
        if size != first:
            sizes = f"{first[0]} x {first[1]} and {size[0]} x {size[1]} px"
            raise InputError(f"dirt on the optics: frames of {sizes}; expected those of one camera")
        seen += 1
        moved += finder.add(pixels)
    dirt = finder.find()
    if dirt is None:
        raise InputError(
            f"dirt on the optics: cannot be told from the specimen by {seen} frames, {moved} of which show "
            "another view than the one before; expected a dozen or more, with the specimen moved in between"
        )
    return dirt


class OpticsDirtFinder:
    """Watches the frames of one camera, one after the other, and tells what never moves.

    Args:
        memory: how many frames it looks back, None for all; that many after a cleaning it has
            forgotten the dirt.
        blank: (height, width, 3) light of an even white view by which the frames are divided in use: what
            that evens out is not found again.
    """

    def __init__(self, memory: int | None = 32, blank: Floats | None = None) -> None:
        self._memory = memory
        self._blank = None if blank is None else _blank_deviation(blank)
        self._size = (0, 0)
        self._recent: deque[_View] = deque()
        self._total: _Total | None = None

    def add(self, pixels: Pixels) -> bool:
        """Look at a (height, width, 3) RGB frame; return whether it shows another view than the last one.

        One that does not is left out: it says nothing new. A frame of another size begins anew.
        """
        deviation = _deviation(pixels)
        if self._blank is not None and self._blank.shape == deviation.shape:
            deviation = deviation - self._blank
        view = _View.of(deviation)
        if self._size != pixels.shape[:2]:
            self._size, self._total = (pixels.shape[0], pixels.shape[1]), None
            self._recent.clear()
        if self._recent and _likeness(view, self._recent[-1]) > _SAME_VIEW:
            return False
        self._recent.append(view)
        if self._total is None:
            self._total = _Total(view)
        self._total.count(view, 1)
        if self._memory is not None and len(self._recent) > self._memory:
            self._total.count(self._recent.popleft(), -1)
        return True

    def find(self) -> OpticsDirt | None:
        """Return what is on the optics; None if the frames are too few, or too alike, to tell."""
        total = self._total
        if total is None or total.frames < 2:
            return None
        spread = total.spread(0, None)
        if _limit(total.sums[0].size) * spread > _BOUND:
            return None  # not even something black could be told from chance
        found = np.zeros(total.sums[0].shape, np.bool_)
        for level in range(LEVELS):
            found |= _stretched(_fixed(total, level, found), found.shape)
        found = cv2.dilate(found.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # the edge is blurred
        independent = min(total.power(0) / spread**2, float(total.frames))
        passed, uncertainty = total.light(independent)
        return OpticsDirt(_stretched(found, self._size), passed, uncertainty, total.frames, independent)


LEVELS = 3  # of the working scale, half of it and a quarter
# The longer side of the working scale. Specks of some 1/200 of the field show; smaller ones hide little.
_SIDE_PX = 240
# The surroundings are the median of a window of a quarter of the field: dirt of up to an eighth is seen.
_WINDOW_SHARE, _WINDOW_REDUCTION = 0.25, 4
# One frame counts for at most so many of its own standard deviations, so that debris on one specimen is
# not mistaken for what is there always.
_BOUND = 2.5
# Correlation above which two frames show the same view.
_SAME_VIEW = 0.8
# Chance that a clean field has a finding, and the certainty from which the edge belongs to a finding.
_FALSE_ALARM, _EDGE_SCORE = 0.01, 3.0
# Grey levels added before the logarithm: below them there is noise.
_FLOOR = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The (rows, columns) deviation of a frame, and at each level in its own standard deviations, bounded."""

    deviation: Floats
    levels: tuple[NDArray[np.float16], ...]

    @staticmethod
    def of(deviation: Floats) -> "_View":
        levels = []
        for level in range(LEVELS):
            small = _reduced(deviation, 2**level)
            some = small.ravel()[:: 4 ** (LEVELS - 1 - level)]  # as many at each level; enough for a median
            bounded = np.clip((small - np.median(some)) / max(_deviating(some), 1e-3), -_BOUND, _BOUND)
            levels.append(bounded.astype(np.float16))
        return _View(deviation, tuple(levels))


class _Total:
    """Sums over the frames that are remembered."""

    def __init__(self, like: _View) -> None:
        self.frames = 0
        self.sums = [np.zeros(level.shape) for level in like.levels]
        self._squares = [0.0] * LEVELS
        self._deviation = np.zeros(like.deviation.shape)
        self._deviation_squared = np.zeros(like.deviation.shape)

    def count(self, view: _View, sign: int) -> None:
        """Add a frame, or take it off."""
        self.frames += sign
        for index, level in enumerate(view.levels):
            scores = level.astype(np.float32)
            self.sums[index] += sign * scores
            self._squares[index] += sign * float(np.mean(scores * scores))
        self._deviation += sign * view.deviation
        self._deviation_squared += sign * np.square(view.deviation, dtype=np.float64)

    def mean(self, level: int) -> NDArray[np.float64]:
        mean = self.sums[level] / self.frames
        return np.asarray(mean - np.median(mean))

    def power(self, level: int) -> float:
        """Return the variance over frames of a pixel, the mean over the field."""
        fixed = float(np.mean((self.sums[level] / self.frames) ** 2))
        return max(self._squares[level] / self.frames - fixed, 0.0) * self.frames / (self.frames - 1)

    def spread(self, level: int, without: Mask | None) -> float:
        """Return the standard deviation of the mean by chance: that by the frames or that over the field."""
        mean = self.mean(level) if without is None else self.mean(level)[~without]
        over_field = _deviating(mean) if mean.size else float("inf")
        return max(float(np.sqrt(self.power(level) / self.frames)), over_field, 1e-6)

    def light(self, independent: float) -> tuple[Floats, Floats]:
        """Return (rows, columns) the share of the light that passes and its standard error."""
        mean = self._deviation / self.frames
        variance = np.maximum(self._deviation_squared / self.frames - mean**2, 0.0)
        passed = np.exp(mean)
        return passed.astype(np.float32), (passed * np.sqrt(variance / independent)).astype(np.float32)


def _deviation(pixels: Pixels) -> Floats:
    small = _reduced(pixels, max(max(pixels.shape[:2]) / _SIDE_PX, 1.0))
    small = cv2.max(cv2.max(small[..., 0], small[..., 1]), small[..., 2])
    coarse = _reduced(small, _WINDOW_REDUCTION)
    window_px = max(round(_WINDOW_SHARE * max(coarse.shape)) | 1, 3)
    around = cv2.resize(cv2.medianBlur(coarse, window_px), small.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.log((small + np.float32(_FLOOR)) / (around + np.float32(_FLOOR)))


def _blank_deviation(light: Floats) -> Floats:
    """Return the (rows, columns) deviation of a white view; 0 where it is too dark to divide by."""
    levels = np.clip(light * (250.0 / max(float(light.max()), 1.0)), 0.0, 255.0).astype(np.uint8)
    deviation = _deviation(levels)
    return np.where(deviation < np.log(MIN_LIGHT_SHARE), 0.0, deviation).astype(np.float32)


def _reduced(values: NDArray[Any], factor: float) -> NDArray[Any]:
    """Return values reduced by area; a side keeps one pixel at least."""
    height, width = (max(round(side / factor), 1) for side in values.shape[:2])
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)


def _likeness(one: _View, other: _View) -> float:
    """Return the correlation of two views; clipped, so that dirt does not make strangers alike."""
    a, b = (np.clip(view.levels[0].astype(np.float32), -1.0, 1.0) for view in (one, other))
    power = float(np.sqrt(np.mean(a * a) * np.mean(b * b)))
    return float(np.mean(a * b)) / power if power > 0.0 else 1.0


def _deviating(values: NDArray[Any]) -> float:
    """Return the median absolute deviation as a standard deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _limit(pixels: int) -> float:
    """Return how many standard deviations one of so many pixels, on either side, hardly ever strays."""
    return NormalDist().inv_cdf(1.0 - 0.5 * _FALSE_ALARM / (LEVELS * pixels))


def _fixed(total: _Total, level: int, found: Mask) -> Mask:
    """Return (rows, columns) at a level what is there in all frames, besides what is found already."""
    known = _any_in(found, total.sums[level].shape)
    score = np.where(known, 0.0, np.abs(total.mean(level))) / total.spread(level, known)
    count, labels = cv2.connectedComponents((score > _EDGE_SCORE).astype(np.uint8))
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[score > _limit(score.size)])] = True
    kept[0] = False
    fixed: Mask = kept[labels]
    return fixed


def _any_in(mask: Mask, shape: Sequence[int]) -> Mask:
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    return np.asarray(cv2.resize(grown, tuple(shape[::-1]), interpolation=cv2.INTER_AREA) > 0.0)


def _stretched(mask: Mask, shape: Sequence[int]) -> Mask:
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
