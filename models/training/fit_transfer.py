"""Estimates the transfer between two spectrometers from specimens that both have measured."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.training.dataset import Dataset
from qc_daemon.domain.errors import DatasetError
from qc_daemon.domain.transfer import (
    BIAS_SLOPE,
    PDS_METHODS,
    Transfer,
    TransferMethod,
    estimate,
    left_out_error,
    resampled,
)

MethodName = Literal["best", "bias-slope", "pds"]
_METHODS: dict[MethodName, tuple[TransferMethod, ...]] = {
    "best": (BIAS_SLOPE, *PDS_METHODS),
    "bias-slope": (BIAS_SLOPE,),
    "pds": PDS_METHODS,
}
# One specimen is left out, and through the rest goes a line.
_LEAST_SPECIMENS = 3


@dataclass(frozen=True, slots=True, eq=False)
class FittedTransfer:
    """A transfer and what it is worth: differences of absorbance, root mean square over bands.

    Attributes:
        before: source against target as they are.
        after: each specimen corrected by a transfer that has not seen it. It chose the method, so it
            flatters a little.
    """

    transfer: Transfer
    specimens: tuple[str, ...]
    before: float
    after: float


def fit_transfer(
    source: Dataset,
    target: Dataset,
    source_serial: str | None,
    target_serial: str | None,
    method: MethodName,
) -> FittedTransfer:
    """Fit the transfer that makes spectra of `source` look like those of `target`.

    Scans of a specimen are averaged. The serial numbers are those of the datasets, unless they are given.

    Raises:
        DatasetError: too few specimens in common, axes that do not overlap, a serial that is not known, or
            the same one twice.
    """
    specimens = tuple(name for name in dict.fromkeys(source.specimens) if name in set(target.specimens))
    if len(specimens) < _LEAST_SPECIMENS:
        raise DatasetError(
            f"{source.folder} and {target.folder} have {len(specimens)} specimens in common; "
            f"expected at least {_LEAST_SPECIMENS} of the same name"
        )
    serials = (
        source_serial or _serial_of(source, "--from-serial"),
        target_serial or _serial_of(target, "--to-serial"),
    )
    if serials[0] == serials[1]:
        raise DatasetError(
            f"{source.folder} and {target.folder} are both of unit {serials[0]}; expected two units "
            "(--from-serial, --to-serial)"
        )
    axis_nm, seen_by_target, seen_by_source = _on_one_axis(source, target, specimens)
    chosen = min(_METHODS[method], key=lambda one: left_out_error(seen_by_source, seen_by_target, one))
    offset, coefficients = estimate(seen_by_source, seen_by_target, chosen)
    transfer = Transfer(
        source_serial=serials[0],
        target_serial=serials[1],
        method=chosen.name,
        wavelength_nm=axis_nm,
        offset=offset,
        coefficients=coefficients,
    )
    return FittedTransfer(
        transfer,
        specimens,
        before=float(np.sqrt(np.mean((seen_by_source - seen_by_target) ** 2))),
        after=left_out_error(seen_by_source, seen_by_target, chosen),
    )


def _on_one_axis(
    source: Dataset, target: Dataset, specimens: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the target's axis (n,) where both see, and the means (s, n) of target and source on it."""
    means = resampled(source.wavelength_nm, _means(source, specimens), target.wavelength_nm)
    seen = np.all(np.isfinite(means), axis=0)
    if np.count_nonzero(seen) < 2:
        raise DatasetError(
            f"{source.folder} and {target.folder} have no wavelengths in common; expected two units of a kind"
        )
    return target.wavelength_nm[seen], _means(target, specimens)[:, seen], means[:, seen]


def _means(dataset: Dataset, specimens: tuple[str, ...]) -> NDArray[np.float64]:
    names = np.array(dataset.specimens)
    means: NDArray[np.float64] = np.stack(
        [dataset.absorbance[names == name].mean(axis=0) for name in specimens]
    )
    if not np.all(np.isfinite(means)):
        worst = specimens[int(np.argmin(np.all(np.isfinite(means), axis=1)))]
        raise DatasetError(f"{dataset.folder}: specimen {worst}: absorbance is not finite in every band")
    return means


def _serial_of(dataset: Dataset, option: str) -> str:
    """Return the serial number, the last word of what a dataset says of its one instrument."""
    named = set(dataset.instruments)
    if len(named) != 1 or named == {""}:
        raise DatasetError(f"{dataset.folder} does not name one instrument; expected {option}")
    return named.pop().split()[-1]
