"""Spectra of known specimens: what every reader of a dataset folder makes, and training works on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array, require_ascending


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Spectra of known specimens.

    Attributes:
        wavelength_nm: (bands,) ascending.
        absorbance: (n, bands).
        fibres: the k fibres, in the order of the columns.
        shares: (n, k) mass shares 0..1; a row sums to 1, or to 0 for "no specimen".
        specimens: n names of the piece of fabric: the group of every split.
        conditions: n words on how the piece lay; "" if not stated.
        image_paths: n paths or None.
        um_per_pixel: (n,) scale of the image; NaN where unknown.
        sample_counts: (n, bands) detector counts of the specimen, or None.
        reference_counts: (n, bands) detector counts of the white reference, or None.
        instruments: n texts of model and serial number ("NIRscan Nano 6460024"), "" if not stated; none
            is stated unless they are given.
        fibre_cover: (n, rows, columns, k) percent of each cell of the image that each fibre covers, or
            None; see `fibre_cover.py`.
    """

    folder: Path
    wavelength_nm: NDArray[np.float64]
    absorbance: NDArray[np.float64]
    fibres: tuple[str, ...]
    shares: NDArray[np.float64]
    specimens: tuple[str, ...]
    conditions: tuple[str, ...]
    image_paths: tuple[Path | None, ...]
    um_per_pixel: NDArray[np.float64]
    sample_counts: NDArray[np.float64] | None
    reference_counts: NDArray[np.float64] | None
    instruments: tuple[str, ...] = ()
    fibre_cover: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        axis = frozen_array(self.wavelength_nm, np.float64, (None,), "wavelength_nm")
        require_ascending(axis, "wavelength_nm")
        absorbance = frozen_array(self.absorbance, np.float64, (None, len(axis)), "absorbance")
        n = len(absorbance)
        shares = frozen_array(self.shares, np.float64, (n, len(self.fibres)), "shares")
        object.__setattr__(self, "wavelength_nm", axis)
        object.__setattr__(self, "absorbance", absorbance)
        object.__setattr__(self, "shares", shares)
        scale = frozen_array(self.um_per_pixel, np.float64, (n,), "um_per_pixel")
        object.__setattr__(self, "um_per_pixel", scale)
        for name in ("sample_counts", "reference_counts"):
            counts = getattr(self, name)
            if counts is not None:
                object.__setattr__(self, name, frozen_array(counts, np.float64, absorbance.shape, name))
        if self.fibre_cover is not None:
            shape = (n, None, None, len(self.fibres))
            object.__setattr__(
                self, "fibre_cover", frozen_array(self.fibre_cover, np.uint8, shape, "fibre_cover")
            )
        object.__setattr__(self, "instruments", self.instruments or ("",) * n)
        for name in ("specimens", "conditions", "image_paths", "instruments"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} has {len(getattr(self, name))} entries, expected {n}")

    def __len__(self) -> int:
        return len(self.absorbance)

    def micrograph_path(self, row: int) -> Path | None:
        """Return the image of `row` if it can serve as a micrograph, that is, if its scale is known."""
        return self.image_paths[row] if np.isfinite(self.um_per_pixel[row]) else None
