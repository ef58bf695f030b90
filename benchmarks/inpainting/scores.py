"""Scores of one filled picture."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.inpainting.pictures import Case
from models.training.fill_scores import score_fill


@dataclass(frozen=True, slots=True)
class Score:
    """One method on one picture and mask.

    Attributes:
        composite_psnr_db, ssim: of the whole picture, known pixels included; SSIM with a Gaussian window
            of 11 x 11, sigma 1.5.
        hole_psnr_db: of the filled pixels alone.
        seconds: of wall time; cpu_seconds of all cores.
    """

    method: str
    kind: str
    image: str
    group: str
    bin: int
    composite_psnr_db: float
    ssim: float
    hole_psnr_db: float
    seconds: float
    cpu_seconds: float


def score(name: str, fill: Callable[..., NDArray[np.float32]], case: Case) -> Score:
    """Fill a picture, whose holes are blackened first, and compare it with the truth in 8 bits."""
    plane = np.where(case.hole, 0, case.truth).astype(np.float32) / np.float32(255.0)
    wall, cpu = time.perf_counter(), time.process_time()
    answer = fill(plane, case.hole)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scores = score_fill(case.truth, case.hole, answer)
    return Score(
        name, case.kind, case.image, case.group, case.bin, scores.composite_psnr_db, scores.ssim,
        scores.hole_psnr_db, round(wall, 4), round(cpu, 4),
    )  # fmt: skip
