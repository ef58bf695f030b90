"""The tasks on recorded spectra. The sets are not part of the project; docs/models.md names them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.model_tables.task import Fold, Question, Task, part
from models.training.dataset import Dataset
from models.training.datasets import read_dataset
from models.training.recorded_sets import read_ftnir_blends
from models.training.splitting import split_by_specimen
from qc_daemon.domain.errors import DatasetError

SPLIT_SEED = 1  # the folds are the same for every method and every seed
FOLDS, NOVELTY_PARTS = 5, 3
SWATCH_FIBRES = ("cotton", "nylon", "polyester")  # of which three swatches or more are at hand
_PURE = 0.999
_LEAST_TRANSMITTANCE = 1e-3
_EMPTY_VIEWS = "ISiC-Net also learns from ten scans of the empty background, in every fold."


def recorded_tasks(data: Path) -> tuple[Task, ...]:
    """Return all tasks on the sets under `data`.

    Raises:
        DatasetError: a set is missing or cannot be read.
    """
    recorded = read_dataset(data / "nirscan_swatches")
    swatches, empty_views = _with_specimen(recorded), recorded.absorbance[recorded.shares.sum(axis=1) == 0]
    pure = part(swatches, _pure_rows(swatches, SWATCH_FIBRES))
    try:
        blends = read_ftnir_blends(data / "ftnir_cotton_pet_blends")
        types = read_fibre_types(data / "ftir_fastex")
    except (OSError, KeyError) as error:
        raise DatasetError(f"{data}: a recorded set is missing or incomplete ({error})") from error
    return (
        _learning_from(empty_views, pure_swatches(pure)),
        _learning_from(empty_views, swatch_blends(swatches)),
        new_compositions(blends),
        known_compositions(blends),
        fibre_types(types),
        _learning_from(empty_views, novel_fibres(pure)),
    )


def pure_swatches(pure: Dataset) -> Task:
    """Name the fibre of each swatch, left out in turn."""
    return Task(
        "swatches",
        "Pure swatches, NIRscan Nano: leave one specimen out",
        "Cotton has 3 specimens, nylon 4, polyester 17; one nylon and one polyester are sheer.",
        Question.CLASS,
        pure,
        _leave_each_out(pure.specimens),
    )


def swatch_blends(swatches: Dataset) -> Task:
    """Learn pure swatches, answer the blends."""
    blended = np.flatnonzero(swatches.shares.max(axis=1) < _PURE)
    fold = Fold("blends", _pure_rows(swatches, swatches.fibres), blended)
    return Task(
        "swatch-blends",
        "Trained on pure swatches alone, tested on blends: error of the fibres present, pp",
        "Ten scans of one fabric each. The wool blend's label calls its other 65 % man-made fibre, not "
        "polyester. Wool, acrylic and acetate have one training specimen each.",
        Question.EACH_BLEND,
        swatches,
        (fold,),
    )


def new_compositions(blends: Dataset) -> Task:
    """Answer a composition that was never trained on."""
    names = tuple(f"{100 * share:g} % polyester" for share in blends.shares[:, 1].round(4))
    fabrics = replace(blends, specimens=names)
    return Task(
        "new-compositions",
        "Cotton/polyester, FT-NIR: leave one composition out, error in pp",
        "The pieces of one composition were cut from one fabric, so the fabric is the specimen, in the "
        "choice of settings too.",
        Question.SHARES,
        fabrics,
        _leave_each_out(names),
    )


def known_compositions(blends: Dataset) -> Task:
    """Answer new pieces of fabrics that were trained on."""
    compositions = [f"{share:.4f}" for share in blends.shares[:, 1]]
    return Task(
        "known-compositions",
        "Cotton/polyester, FT-NIR: five folds by specimen, error in pp",
        "Other pieces of the same fabrics were trained on, so recognising the fabric is rewarded.",
        Question.SHARES,
        blends,
        _grouped(blends.specimens, compositions),
    )


def fibre_types(types: Dataset) -> Task:
    """Name the type of a fibre from its mid-infrared spectrum."""
    main = [types.fibres[index] for index in types.shares.argmax(axis=1)]
    return Task(
        "fibre-types",
        "Ten fibre types, ATR-FTIR (FasTEX): five folds by specimen",
        "Mid-infrared on an axis of nm; a check of the methods, not of the station.",
        Question.CLASS,
        types,
        _grouped(types.specimens, main),
    )


def novel_fibres(pure: Dataset) -> Task:
    """Tell swatches of a fibre that was left out from unseen swatches of the fibres that were not."""
    main = pure.shares.argmax(axis=1)
    folds: list[Fold] = []
    for index, fibre in enumerate(pure.fibres):
        known, novel = np.flatnonzero(main != index), np.flatnonzero(main == index)
        names, strata = [pure.specimens[row] for row in known], [str(main[row]) for row in known]
        parts = split_by_specimen(names, (1.0 / NOVELTY_PARTS,) * NOVELTY_PARTS, SPLIT_SEED, strata)
        folds += [
            Fold(f"{fibre} {number}", np.delete(known, held), np.concatenate([known[held], novel]))
            for number, held in enumerate(parts, start=1)
        ]
    return Task(
        "novelty",
        "Novelty of a fibre that was left out, against held-back swatches of the others: AUROC",
        "0.5 = cannot tell, 1 = always; by specimen. Only methods that answer a novelty are listed.",
        Question.NOVELTY,
        pure,
        tuple(folds),
    )


def read_fibre_types(folder: Path) -> Dataset:
    """Read the FasTEX spectra: transmittance over cm⁻¹ to absorbance over ascending nm, pure by type."""
    table = pd.read_csv(folder / "samples.csv")
    with np.load(folder / "spectra.npz") as archive:
        wavelength_nm = 1e7 / archive["wavenumber_cm1"].astype(np.float64)
        transmittance = archive["transmittance_pct"].astype(np.float64) / 100.0
    order = np.argsort(wavelength_nm)
    types = np.array([str(name) for name in table["Type"]])
    fibres = tuple(sorted(set(types)))
    n = len(types)
    return Dataset(
        folder=folder,
        wavelength_nm=wavelength_nm[order],
        absorbance=-np.log10(np.maximum(transmittance[:, order], _LEAST_TRANSMITTANCE)),
        fibres=fibres,
        shares=(types[:, None] == np.array(fibres)[None, :]).astype(np.float64),
        specimens=tuple(str(name) for name in table["Sample_ID"]),
        conditions=("",) * n,
        image_paths=(None,) * n,
        um_per_pixel=np.full(n, np.nan),
        sample_counts=None,
        reference_counts=None,
    )


def _learning_from(empty_views: NDArray[np.float64], task: Task) -> Task:
    return replace(task, empty_views=empty_views, note=f"{task.note} {_EMPTY_VIEWS}")


def _with_specimen(dataset: Dataset) -> Dataset:
    return part(dataset, np.flatnonzero(dataset.shares.sum(axis=1) > 0))


def _pure_rows(dataset: Dataset, fibres: Sequence[str]) -> NDArray[np.intp]:
    columns = [dataset.fibres.index(fibre) for fibre in fibres]
    return np.flatnonzero(dataset.shares[:, columns].max(axis=1) > _PURE)


def _leave_each_out(specimens: Sequence[str]) -> tuple[Fold, ...]:
    names = np.array(specimens)
    return tuple(
        Fold(name, np.flatnonzero(names != name), np.flatnonzero(names == name))
        for name in dict.fromkeys(specimens)
    )


def _grouped(specimens: Sequence[str], strata: Sequence[str]) -> tuple[Fold, ...]:
    parts = split_by_specimen(specimens, (1.0 / FOLDS,) * FOLDS, SPLIT_SEED, strata)
    everything = np.arange(len(specimens))
    return tuple(
        Fold(f"fold {number}", np.setdiff1d(everything, held), held)
        for number, held in enumerate(parts, start=1)
    )
