"""Brings laboratory results in, compares the station with them, and makes a dataset folder of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.errors import InputError, Retired
from qc_daemon.domain.inspection import Acquisition
from qc_daemon.domain.lab_comparison import LabComparison, compare, compared_shares
from qc_daemon.domain.spectrum import Spectrum, absorbance_spectrum
from qc_daemon.wiring.database import open_inspections, open_store

if TYPE_CHECKING:
    from models.training.dataset import Dataset
    from storage.lab_results import ConfirmedSpecimen, LabImport

_LEAST_VALID_SHARE = 0.9  # of the bands; a spectrum with fewer would take its gaps into every row


@dataclass(frozen=True, slots=True)
class WrittenDataset:
    """What a dataset folder holds, and why inspections of analysed specimens are not in it."""

    rows: int
    specimens: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Example:
    """One row of the dataset."""

    confirmed: "ConfirmedSpecimen"
    acquisition: Acquisition
    spectrum: Spectrum


def import_results(config: Config, file: Path, who: str) -> "LabImport":
    """Store the laboratory results of a CSV file in a station that no daemon writes."""
    from storage.lab_results import import_lab_file

    with open_store(config) as store:
        return import_lab_file(store.transaction, file, who, SystemClock().now())


def lab_comparison(config: Config) -> tuple[LabComparison, ...]:
    """Return how well the current conclusions agree with the laboratory, on the basis of its results.

    Raises:
        InputError: a result and what was said of its specimen cannot be brought to one basis.
    """
    from storage.lab_results import analysed_inspections

    with open_inspections(config) as reader, reader.reading() as session:
        return compare(compared_shares(analysed_inspections(session)))


def write_lab_dataset(config: Config, out: Path) -> WrittenDataset:
    """Write a dataset folder of all inspections whose specimen a laboratory analysed.

    Raises:
        InputError: the folder is not empty, or no inspection can be used.
    """
    from models.training.datasets import write_dataset
    from storage.lab_results import confirmed_specimens

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty; expected a new folder")
    left_out: list[str] = []
    examples: list[_Example] = []
    with open_inspections(config) as reader:
        with reader.reading() as session:
            confirmed = list(confirmed_specimens(session))
        for one in confirmed:
            try:
                acquisition = reader.load_acquisition(one.number)
                examples.append(_Example(one, acquisition, _spectrum(acquisition)))
            except (Retired, ValueError) as error:
                left_out.append(f"inspection {one.number} is left out: {error}")
    examples = _on_one_axis(examples, left_out)
    if not examples:
        raise InputError(
            f"{config.station.folder}: no inspection has a laboratory result and a spectrum; expected some"
        )
    write_dataset(_dataset(out, examples))
    return WrittenDataset(len(examples), len({one.confirmed.specimen for one in examples}), tuple(left_out))


def _spectrum(acquisition: Acquisition) -> Spectrum:
    """Return the absorbance of an acquisition; ValueError says why it has none that can be used."""
    if acquisition.white is None:
        raise ValueError("it has no white reference")
    spectrum = absorbance_spectrum(acquisition.scan, acquisition.white)
    if spectrum.valid_share < _LEAST_VALID_SHARE:
        raise ValueError(f"only {100 * spectrum.valid_share:.0f} % of its bands have an absorbance")
    return spectrum


def _on_one_axis(examples: list[_Example], left_out: list[str]) -> list[_Example]:
    """Keep the rows on the most frequent axis: a dataset has one."""
    axes = Counter(example.spectrum.wavelength_nm.tobytes() for example in examples)
    if len(axes) < 2:
        return examples
    ((chosen, _),) = axes.most_common(1)
    kept = [example for example in examples if example.spectrum.wavelength_nm.tobytes() == chosen]
    others = [example for example in examples if example.spectrum.wavelength_nm.tobytes() != chosen]
    left_out += [f"inspection {one.confirmed.number} is left out: another wavelength axis" for one in others]
    return kept


def _dataset(out: Path, examples: Sequence[_Example]) -> "Dataset":
    from models.training.dataset import Dataset

    fibres = tuple(sorted({share.fibre for one in examples for share in one.confirmed.shares}))
    valid = np.all([one.spectrum.valid for one in examples], axis=0)
    return Dataset(
        folder=out,
        wavelength_nm=examples[0].spectrum.wavelength_nm[valid],
        absorbance=np.array([one.spectrum.absorbance[valid] for one in examples]),
        fibres=fibres,
        shares=np.array([_shares(one.confirmed, fibres) for one in examples]),
        specimens=tuple(one.confirmed.specimen for one in examples),
        conditions=("",) * len(examples),
        image_paths=tuple(_write_image(out, one) for one in examples),
        um_per_pixel=np.array([_um_per_pixel(one.acquisition) for one in examples]),
        sample_counts=None,
        reference_counts=None,
        instruments=tuple(one.acquisition.spectrometer.serial for one in examples),
        fibre_cover=None,
    )


def _shares(confirmed: "ConfirmedSpecimen", fibres: tuple[str, ...]) -> list[float]:
    """Return shares of 1 in the order of `fibres`; what the laboratory rounded is divided out."""
    percent = {share.fibre: share.percent for share in confirmed.shares}
    total = sum(percent.values())
    return [percent.get(fibre, 0.0) / total for fibre in fibres]


def _write_image(out: Path, example: _Example) -> Path | None:
    """Write the image as the camera sent it; its reader goes by its first bytes, not by its name."""
    frame = example.acquisition.frame
    if frame is None:
        return None
    suffix = "png" if frame.encoded.startswith(b"\x89PNG") else "jpg"
    path = out / "images" / f"{example.confirmed.number}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(frame.encoded)
    return path


def _um_per_pixel(acquisition: Acquisition) -> float:
    return np.nan if acquisition.frame is None else acquisition.frame.um_per_pixel
