"""What filling does to a measurement: the period of a weave, and fibre shares by the released network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from benchmarks.inpainting.contestants import Contestant
from benchmarks.inpainting.pictures import Case
from models.checkpoint import RELEASED, load_checkpoint
from models.composition_predictor import IsicPredictor
from models.filling_methods import FillMethod
from models.hole_filling import fill_holes
from models.runtimes.opening import open_runtime
from models.training.evaluate import evaluate
from models.virtual_mill.specimens import write_mill
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import ModelVersion

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

ABSENT, IGNORED = "debris absent", "debris ignored"
_NEARLY = 0.85
_DARKENED_TO = 0.12  # of the light: what opaque lint and dust let through


@dataclass(frozen=True, slots=True)
class TaskError:
    """Mean error of a measurement on images with debris that is treated in some way."""

    task: str
    treatment: str
    error: float
    unit: str
    n: int


def weave_periods(cases: Iterable[Case], contestants: Iterable[Contestant]) -> list[TaskError]:
    """Return how far the period of a weave lies from that of the same picture without debris, in percent."""
    treatments: dict[str, Callable[[Floats, Mask], Floats]] = {
        ABSENT: lambda plane, _hole: plane,
        IGNORED: _darkened,
        **{f"filled by {one.name}": _refilled(one) for one in contestants},
    }
    errors: dict[str, list[float]] = {name: [] for name in treatments}
    for case in cases:
        plane = case.truth.astype(np.float32) / np.float32(255.0)
        true_px = period_px(plane)
        for name, treat in treatments.items():
            errors[name].append(100.0 * abs(period_px(treat(plane, case.hole)) / true_px - 1.0))
    return [
        TaskError("weave period", name, float(np.nanmean(found)), "%", int(np.isfinite(found).sum()))
        for name, found in errors.items()
    ]


def period_px(plane: Floats) -> float:
    """Return the distance in pixels at which a weave repeats along its rows, to a fraction of a pixel.

    The first peak of the rows' autocorrelation that is nearly as high as the highest (multiples of the
    period are about as high); a parabola through it and its neighbours gives the fraction. Not a number
    if there is none.
    """
    length = plane.shape[1]
    spectrum = np.abs(np.fft.rfft(plane - plane.mean(), 2 * length, axis=1)) ** 2
    lags = length // 3
    correlation = np.fft.irfft(spectrum.mean(axis=0))[:lags] / np.arange(length, length - lags, -1)
    peaks, _ = find_peaks(correlation)
    if not peaks.size:
        return float("nan")
    top = int(peaks[correlation[peaks] >= _NEARLY * correlation[peaks].max()][0])
    left, middle, right = correlation[top - 1 : top + 2]
    return float(top + 0.5 * (left - right) / (left - 2.0 * middle + right))


def fibre_shares(methods: Iterable[FillMethod], folder: Path, specimens: int, seed: int) -> list[TaskError]:
    """Return errors of fibre shares on virtual micrographs on which debris of known mask is laid."""
    dataset = write_mill(folder, specimens, seed)
    checkpoint = load_checkpoint(RELEASED)
    predictor = IsicPredictor(checkpoint, open_runtime(checkpoint, "onnx"))
    cleaners = {
        ABSENT: _Debris(seed, laid=False, method=None),
        IGNORED: _Debris(seed, laid=True, method=None),
    }
    cleaners |= {f"filled by {method.name}": _Debris(seed, laid=True, method=method) for method in methods}
    rows = {name: evaluate(predictor, cleaner, dataset)[0] for name, cleaner in cleaners.items()}
    return [TaskError("fibre share", name, row.mae_pp, "pp", row.n_specimens) for name, row in rows.items()]


class _Debris:
    """A cleaner for measurements: lays debris on each frame, whose place it knows, and may fill it."""

    version = ModelVersion("image_cleaner", "benchmark", "none")

    def __init__(self, seed: int, laid: bool, method: FillMethod | None) -> None:
        self._seed, self._laid, self._method = seed, laid, method

    def clean(self, frame: Frame) -> CleanedImage:
        hole = debris(frame.pixels, self._seed) if self._laid else np.zeros(frame.pixels.shape[:2], bool)
        dirty = np.where(hole[..., None], frame.pixels * _DARKENED_TO, frame.pixels).astype(np.uint8)
        if self._method is None:
            return CleanedImage(dirty, dirty, np.zeros_like(hole), frame.um_per_pixel, "none")
        filled = fill_holes(dirty, hole, self._method)
        return CleanedImage(dirty, filled, hole, frame.um_per_pixel, self._method.name)


def debris(pixels: NDArray[np.uint8], seed: int) -> Mask:
    """Return where hairs and grains lie, some 5 % of the field; the same for the same picture."""
    height, width = pixels.shape[:2]
    generator = np.random.default_rng([seed, int(pixels[::7, ::7].sum(dtype=np.int64))])
    drawn = np.zeros((height, width), np.uint8)
    for _ in range(3):
        start, angle = generator.uniform(0.0, (width, height)), generator.uniform(0.0, 2.0 * np.pi)
        for _ in range(12):
            angle += generator.normal(0.0, 0.4)
            end = start + 18.0 * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(drawn, start.astype(int).tolist(), end.astype(int).tolist(), 1, 9)
            start = end
    for _ in range(6):
        centre = generator.uniform(0.0, (width, height)).astype(int).tolist()
        cv2.circle(drawn, centre, int(generator.integers(6, 16)), 1, -1)
    return drawn > 0


def _darkened(plane: Floats, hole: Mask) -> Floats:
    return np.where(hole, plane * np.float32(_DARKENED_TO), plane)


def _refilled(contestant: Contestant) -> Callable[[Floats, Mask], Floats]:
    return lambda plane, hole: contestant.fill(np.where(hole, np.float32(0.0), plane), hole)
