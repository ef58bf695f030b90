"""What a conclusion keeps as files: evidence (npz), debris mask (1-bit PNG) and filled pixels (RGB bytes)."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.composition import REGION_UM, Evidence
from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import Conclusion


@dataclass(frozen=True, slots=True)
class ConclusionContents:
    """The files of one conclusion; None for what it has not."""

    evidence: bytes | None
    mask: bytes | None
    fill: bytes | None

    def present(self) -> list[bytes]:
        """Return those that there are."""
        return [content for content in (self.evidence, self.mask, self.fill) if content is not None]


def contents_of(conclusion: Conclusion) -> ConclusionContents:
    """Return the files of a conclusion."""
    composition, cleaned = conclusion.composition, conclusion.cleaned
    return ConclusionContents(
        evidence=evidence_npz(composition.evidence) if composition else None,
        mask=mask_png(cleaned.debris_mask) if cleaned else None,
        fill=fill_bytes(cleaned) if cleaned else None,
    )


def evidence_npz(evidence: Evidence) -> bytes:
    """Return the evidence as a NumPy archive; equal evidence gives equal bytes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        region_scores=evidence.region_scores,
        region_kept=evidence.region_kept,
        window_edges_nm=evidence.window_edges_nm,
        window_weights=evidence.window_weights,
        region_um=np.float64(evidence.region_um),
    )
    return buffer.getvalue()


def evidence_from_npz(content: bytes) -> Evidence:
    """Return the evidence of `evidence_npz`; archives of before do not hold the size of a region."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Evidence(
            region_scores=arrays["region_scores"],
            region_kept=arrays["region_kept"],
            window_edges_nm=arrays["window_edges_nm"],
            window_weights=arrays["window_weights"],
            region_um=float(arrays["region_um"]) if "region_um" in arrays else REGION_UM,
        )


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """Return a (height, width) mask as a 1-bit PNG, white where debris was filled."""
    done, encoded = cv2.imencode(".png", mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert done
    return bytes(encoded)


def fill_bytes(cleaned: CleanedImage) -> bytes:
    """Return the RGB of the filled pixels, row by row: with image and mask, the cleaned image."""
    return cleaned.pixels[cleaned.debris_mask].tobytes()


def cleaned_image(
    original: NDArray[np.uint8], mask_content: bytes, fill: bytes, um_per_pixel: float, method: str
) -> CleanedImage:
    """Return the cleaned image of `original` (height, width, 3), `mask_png` and `fill_bytes`.

    Raises:
        IntegrityError: they do not belong together.
    """
    decoded = cv2.imdecode(np.frombuffer(mask_content, np.uint8), cv2.IMREAD_GRAYSCALE)
    mask = np.asarray(decoded) > 0
    filled = np.frombuffer(fill, np.uint8).reshape(-1, 3)
    if mask.shape != original.shape[:2] or len(filled) != np.count_nonzero(mask):
        raise IntegrityError(
            f"a debris mask {mask.shape} with {len(filled)} filled pixels does not fit"
            f" an image {original.shape[:2]}"
        )
    pixels = original.copy()
    pixels[mask] = filled
    return CleanedImage(original, pixels, mask, um_per_pixel, method)
