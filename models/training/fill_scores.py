"""How near a filled picture comes to the truth, in 8 bits, as both are looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

_SSIM = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
_LEAST_SQUARE = 1e-4  # of grey levels: an exact fill has 88 dB


@dataclass(frozen=True, slots=True)
class FillScore:
    """One fill of one picture.

    Attributes:
        composite_psnr_db, ssim: of the whole picture, known pixels included; SSIM with a Gaussian window
            of 11 x 11, sigma 1.5. Small holes flatter both.
        hole_psnr_db: of the filled pixels alone.
    """

    composite_psnr_db: float
    ssim: float
    hole_psnr_db: float


def score_fill(truth: NDArray[np.uint8], hole: NDArray[np.bool_], answer: NDArray[np.float32]) -> FillScore:
    """Return the scores of an answer (height, width) 0..1, of which only the holes are looked at."""
    filled = np.where(hole, np.rint(answer.clip(0.0, 1.0) * 255.0), truth).astype(np.uint8)
    error = (filled.astype(np.float64) - truth) ** 2
    similarity = float(structural_similarity(truth, filled, **_SSIM))  # type: ignore[no-untyped-call]
    return FillScore(_psnr(float(error.mean())), similarity, _psnr(float(error[hole].mean())))


def _psnr(mean_square: float) -> float:
    return 10.0 * float(np.log10(255.0**2 / max(mean_square, _LEAST_SQUARE)))
