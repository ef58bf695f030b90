"""A tape: scans, recorded or virtual, that an emulated spectrometer sees row by row."""

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array, require_ascending
from qc_daemon.domain.errors import DatasetError


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """What a spectrometer saw: n scans of b bands against r white references.

    Attributes:
        wavelength_nm: (b,) ascending.
        sample_counts: (n, b) detector counts of the specimens, dark level taken off.
        reference_counts: (r, b) the same of the white references.
        reference_index: (n,) which reference belongs to which scan.
        system_temperature_c: (n,) NaN where not recorded; so are the next three.
        detector_temperature_c: (n,).
        humidity_percent: (n,).
        lamp_photodiode_counts: (n,).
        names: (n,) what was in front of the window.
        serial: of the instrument, at most 8 characters.
        pga_gain: gain of the instrument's amplifier, 1 to 64.
        repeats: scans that were averaged.
    """

    wavelength_nm: NDArray[np.float64]
    sample_counts: NDArray[np.int64]
    reference_counts: NDArray[np.int64]
    reference_index: NDArray[np.int64]
    system_temperature_c: NDArray[np.float64]
    detector_temperature_c: NDArray[np.float64]
    humidity_percent: NDArray[np.float64]
    lamp_photodiode_counts: NDArray[np.float64]
    names: tuple[str, ...]
    serial: str
    pga_gain: int
    repeats: int

    def __post_init__(self) -> None:
        rows, bands = len(self.names), len(self.wavelength_nm)
        shapes: dict[str, tuple[type, tuple[int | None, ...]]] = {
            "wavelength_nm": (np.float64, (bands,)),
            "sample_counts": (np.int64, (rows, bands)),
            "reference_counts": (np.int64, (None, bands)),
            "reference_index": (np.int64, (rows,)),
            "system_temperature_c": (np.float64, (rows,)),
            "detector_temperature_c": (np.float64, (rows,)),
            "humidity_percent": (np.float64, (rows,)),
            "lamp_photodiode_counts": (np.float64, (rows,)),
        }
        for name, (dtype, shape) in shapes.items():
            object.__setattr__(self, name, frozen_array(getattr(self, name), dtype, shape, name))
        require_ascending(self.wavelength_nm, "wavelength_nm")
        if rows == 0:
            raise ValueError("names is empty, expected at least one scan")
        if not np.all((self.reference_index >= 0) & (self.reference_index < len(self.reference_counts))):
            raise ValueError(f"reference_index leaves 0..{len(self.reference_counts) - 1}")
        if not self.serial.isascii() or not 1 <= len(self.serial) <= 8:
            raise ValueError(f'serial is "{self.serial}", expected 1 to 8 ASCII characters')
        if self.pga_gain not in (1, 2, 4, 8, 16, 32, 64):
            raise ValueError(f"pga_gain is {self.pga_gain}, expected a power of 2 up to 64")
        if not 1 <= self.repeats <= 65535:
            raise ValueError(f"repeats is {self.repeats}, expected 1 to 65535")


def write_tape(path: Path, tape: Tape) -> None:
    """Write a tape as an npz file with one array per field."""
    with path.open("wb") as file:
        np.savez(file, **{field.name: np.asarray(getattr(tape, field.name)) for field in fields(Tape)})


def read_tape(path: Path) -> Tape:
    """Read a tape.

    Raises:
        DatasetError: the file is no tape; the message names it and the array.
    """
    if not zipfile.is_zipfile(path):
        raise DatasetError(f"{path}: no such file, or not a tape; expected scans as .npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {field.name: file[field.name] for field in fields(Tape)}
        scalars = {
            "names": tuple(str(name) for name in arrays["names"]),
            "serial": str(arrays["serial"]),
            "pga_gain": int(arrays["pga_gain"]),
            "repeats": int(arrays["repeats"]),
        }
        return Tape(**(arrays | scalars))
    except KeyError as error:
        raise DatasetError(f"{path}: {error.args[0]}; expected a tape of scans") from error
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: {error}; expected a tape of scans") from error


def counts_of_absorbance(
    absorbance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sample and reference counts (n, b) that give absorbance (n, b) back.

    For recordings without counts. The flat reference is half of the converter's range, so that a
    specimen brighter than the reference (recordings go down to -0.09) does not clip.
    """
    reference = np.full(absorbance.shape, 2.0**22)
    return np.rint(reference * 10.0**-absorbance), reference
