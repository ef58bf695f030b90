"""The recorded sets behind the released model, laid out as dataset folders: training apart from test.

docs/models.md names the sets; none is part of the project. What is a test specimen here is never
trained, tuned or calibrated on, and the virtual mill was fitted without it.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.training.dataset import Dataset
from models.training.datasets import read_dataset, write_dataset

TEST_SWATCHES = frozenset({
    "Cotton_C02", "Nylon_N02", "Polyester_P03", "Polyester_P07", "Polyester_P11", "Polyester_P15",
    "Cotton80_Polyester20", "Wool35_Polyester65",
})  # fmt: skip
UNKNOWN_SWATCHES = frozenset({"Acetate_Std", "Acrylic_Std", "PVC"})
TEST_POLYESTER_SHARES = (0.6053, 0.77)  # of the FT-NIR blends: whole compositions

# Which instruments measured, as far as the sets say; the last word is the serial number.
NANO, OTHER_NANO, FTNIR, USGS = "NIRscan Nano 6460024", "NIRscan Nano 5510004", "FT-NIR", "ASD"

# USGS materials that are of one known fibre, without a coating that hides it.
USGS_FIBRES = {
    "Cotton_Fabric": "cotton", "Terrycloth": "cotton", "Nylon_": "nylon", "Polyester_": "polyester",
    "Plastic_PETE": "polyester",
}  # fmt: skip


def lay_out_recorded(data: Path, work: Path) -> None:
    """Write the recorded sets, training apart from test, specimen by specimen."""
    swatches = read_dataset(data / "nirscan_swatches")
    names = np.array(swatches.specimens)
    test, unknown = np.isin(names, list(TEST_SWATCHES)), np.isin(names, list(UNKNOWN_SWATCHES))
    write_once(
        work / "swatches", lambda folder: write_dataset(_part(swatches, ~test & ~unknown, folder, NANO))
    )
    write_once(work / "swatches_test", lambda folder: write_dataset(_part(swatches, test, folder, NANO)))
    write_once(work / "unknown", lambda folder: write_dataset(_part(swatches, unknown, folder, NANO)))
    blends = read_ftnir_blends(data / "ftnir_cotton_pet_blends")
    held = np.isin(blends.shares[:, 1].round(4), TEST_POLYESTER_SHARES)
    write_once(work / "ftnir", lambda folder: write_dataset(_part(blends, ~held, folder, FTNIR)))
    write_once(work / "ftnir_test", lambda folder: write_dataset(_part(blends, held, folder, FTNIR)))
    garments = read_dataset(data / "nirscan_3garments")
    every_tenth = np.arange(len(garments)) % 10 == 0
    write_once(
        work / "garments", lambda folder: write_dataset(_part(garments, every_tenth, folder, OTHER_NANO))
    )
    usgs = read_usgs(data / "usgs_splib07_fabrics")
    whole = np.ones(len(usgs), bool)
    write_once(work / "usgs", lambda folder: write_dataset(_part(usgs, whole, folder, USGS)))


def read_ftnir_blends(folder: Path) -> Dataset:
    """Read the FT-NIR cotton/polyester blends: cm⁻¹ to ascending nm, specimens by composition and number."""
    table = pd.read_csv(folder / "nir_samples.csv")
    with np.load(folder / "nir.npz") as archive:
        wavelength_nm = 1e7 / archive["wavenumber_cm1"].astype(np.float64)
        absorbance = archive["absorbance"].astype(np.float64)
    order = np.argsort(wavelength_nm)
    names = tuple(f"{pet:g}_{number}" for pet, number in zip(table["pet"], table["specimen"], strict=True))
    polyester = table["pet"].to_numpy(np.float64)
    shares = np.stack([1.0 - polyester, polyester], axis=1)
    return _spectra(
        folder, wavelength_nm[order], absorbance[:, order], ("cotton", "polyester"), shares, names
    )


def read_usgs(folder: Path) -> Dataset:
    """Read the USGS fabrics and PET pieces of one known fibre: reflectance to absorbance, gaps filled."""
    with np.load(folder / "spectra.npz") as archive:
        names = tuple(str(name) for name in archive["name"])
        wavelength_nm = archive["wavelength_nm"].astype(np.float64)
        reflectance = archive["reflectance"].astype(np.float64)
    fibres = tuple(dict.fromkeys(USGS_FIBRES.values()))
    chosen = [
        (row, fibre) for row, name in enumerate(names) for key, fibre in USGS_FIBRES.items() if key in name
    ]
    absorbance = [_filled(wavelength_nm, -np.log10(np.maximum(reflectance[row], 1e-3))) for row, _ in chosen]
    shares = np.array([[float(fibre == known) for known in fibres] for _, fibre in chosen])
    kept = tuple(names[row] for row, _ in chosen)
    return _spectra(folder, wavelength_nm, np.array(absorbance), fibres, shares, kept)


def _filled(axis: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    return np.interp(axis, axis[known], values[known])


def _spectra(
    folder: Path,
    wavelength_nm: NDArray[np.float64],
    absorbance: NDArray[np.float64],
    fibres: tuple[str, ...],
    shares: NDArray[np.float64],
    specimens: tuple[str, ...],
) -> Dataset:
    n = len(absorbance)
    return Dataset(
        folder=folder,
        wavelength_nm=wavelength_nm,
        absorbance=absorbance,
        fibres=fibres,
        shares=shares,
        specimens=specimens,
        conditions=("",) * n,
        image_paths=(None,) * n,
        um_per_pixel=np.full(n, np.nan),
        sample_counts=None,
        reference_counts=None,
    )


def _part(dataset: Dataset, kept: NDArray[np.bool_], folder: Path, instrument: str) -> Dataset:
    """Return the kept rows, with the fibres that occur in them, as a dataset without images."""
    rows = np.flatnonzero(kept)
    specimens = tuple(dataset.specimens[row] for row in rows)
    shares = dataset.shares[rows]
    occurs = shares.max(axis=0) > 0
    fibres = tuple(fibre for fibre, seen in zip(dataset.fibres, occurs, strict=True) if seen)
    absorbance = dataset.absorbance[rows]
    part = _spectra(folder, dataset.wavelength_nm, absorbance, fibres, shares[:, occurs], specimens)
    return replace(part, instruments=(instrument,) * len(part))


def write_once(folder: Path, write: Callable[[Path], object]) -> None:
    """Write a dataset folder unless it is there."""
    if not (folder / "samples.csv").is_file():
        write(folder)
