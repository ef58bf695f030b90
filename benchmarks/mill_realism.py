"""How close the virtual mill's spectra come to recorded ones.

    QC_DATA=<folder of recorded data> python -m benchmarks.mill_realism

Two questions. Does a classifier that saw nothing but virtual spectra of pure fibres name real ones
(counted by specimen)? And can a classifier that sees both tell real from virtual (AUC; 0.5 = no,
1 = always), with whole specimens kept together? No recorded blend is used anywhere.
"""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from models.training.dataset import Dataset
from models.training.datasets import read_dataset
from models.virtual_mill.spectra import draw_fabric, draw_scan_setting, simulate_scan

Floats = NDArray[np.float64]

SEED = 11
VIRTUAL_PER_FIBRE = 400
PLS_FACTORS = 8
# Swatches that took no part in fitting the mill's bands; nor did any scan of the three garments.
NOT_FITTED = ("Cotton_C02", "Nylon_N02", "Polyester_P03", "Polyester_P07", "Polyester_P11", "Polyester_P15")
# USGS Spectral Library 7 names that stand for one pure fibre, and the words to find them by.
USGS_WORDS = {"cotton": ("Cotton_Fabric", "Terrycloth"), "nylon": ("Nylon_",),
              "polyester": ("Polyester_", "Plastic_PETE")}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PureSpectra:
    """Absorbance (n, b) of pure fibres over `wavelength_nm` (b,), their fibres and specimens."""

    wavelength_nm: Floats
    absorbance: Floats
    fibres: tuple[str, ...]
    specimens: tuple[str, ...]


def main() -> None:
    """Print both tables."""
    if "QC_DATA" not in os.environ:
        sys.exit("QC_DATA is not set; expected the folder that holds nirscan_swatches and the others")
    data = Path(os.environ["QC_DATA"])
    swatches = pure_rows(read_dataset(data / "nirscan_swatches"))
    garments = pure_rows(read_dataset(data / "nirscan_3garments"))
    usgs = usgs_fabrics(data / "usgs_splib07_fabrics" / "spectra.npz", swatches.wavelength_nm)
    recorded = (
        ("swatches", swatches), ("not fitted", of_specimens(swatches, NOT_FITTED)),
        ("3 garments", garments), ("USGS", usgs),
    )  # fmt: skip
    print("train on virtual pure fibres, test on recorded ones")
    for fibres in (("cotton", "nylon", "polyester"), ("cotton", "nylon", "polyester", "wool")):
        for name, real in recorded:
            report_transfer(name, only(real, fibres), fibres)
    print("tell recorded from virtual")
    for fibre in ("cotton", "nylon", "polyester"):
        report_two_samples(only(swatches, (fibre,)), fibre)


def report_transfer(name: str, real: PureSpectra, fibres: tuple[str, ...]) -> None:
    """Train on virtual spectra of `fibres` and print the accuracy on `real` by spectrum and specimen."""
    virtual = virtual_spectra(fibres, VIRTUAL_PER_FIBRE, real.wavelength_nm)
    for model, predict in (("PLS-DA", pls_da), ("SVM", svm)):
        named = predict(pretreated(virtual.absorbance), virtual.fibres, pretreated(real.absorbance))
        right = np.mean([a == b for a, b in zip(named, real.fibres, strict=True)])
        voted = votes(real, named)
        wrong = [f"{specimen} -> {answer}" for specimen, truth, answer in voted if truth != answer]
        print(
            f"  {len(fibres)} fibres  {name:<11}{model:<7} by spectrum {right:.3f}   by specimen "
            f"{1 - len(wrong) / len(voted):.3f} of {len(voted)}   {'; '.join(wrong)}"
        )


def report_two_samples(real: PureSpectra, fibre: str) -> None:
    """Print the grouped cross-validated AUC of real against virtual, for two pretreatments."""
    count = 4 * len(set(real.specimens))
    virtual = virtual_spectra((fibre,), count, real.wavelength_nm)
    groups = [*real.specimens, *virtual.specimens]
    is_real = np.array([1] * len(real.specimens) + [0] * count)
    scores = []
    for treat in (np.asarray, pretreated):
        model = make_pipeline(StandardScaler(), PCA(10), LogisticRegression(class_weight="balanced"))
        folds = StratifiedGroupKFold(3, shuffle=True, random_state=SEED)
        features = treat(np.vstack([real.absorbance, virtual.absorbance]))
        shown = cross_val_predict(model, features, is_real, groups=groups, cv=folds, method="predict_proba")
        scores.append(roc_auc_score(is_real, shown[:, 1]))
    print(f"  {fibre:<10} absorbance AUC {scores[0]:.2f}   SNV + derivative AUC {scores[1]:.2f}")


def virtual_spectra(fibres: Sequence[str], per_fibre: int, wavelength_nm: Floats) -> PureSpectra:
    """Simulate `per_fibre` pure specimens of each fibre on the given axis."""
    generator = np.random.default_rng(SEED)
    names = [fibre for fibre in fibres for _ in range(per_fibre)]
    absorbance = [
        simulate_scan(
            draw_fabric({fibre: 1.0}, generator), draw_scan_setting(generator), wavelength_nm, generator
        ).absorbance
        for fibre in names
    ]
    return PureSpectra(
        wavelength_nm, np.array(absorbance), tuple(names), tuple(f"virtual{i}" for i in range(len(names)))
    )


def pure_rows(dataset: Dataset) -> PureSpectra:
    """Keep the rows of a dataset that are one fibre to 100 %."""
    rows = np.flatnonzero(dataset.shares.max(axis=1) > 0.999)
    fibres = [dataset.fibres[index] for index in dataset.shares[rows].argmax(axis=1)]
    specimens = [dataset.specimens[row] for row in rows]
    return PureSpectra(dataset.wavelength_nm, dataset.absorbance[rows], tuple(fibres), tuple(specimens))


def usgs_fabrics(path: Path, wavelength_nm: Floats) -> PureSpectra:
    """Read the library's fabrics as absorbance on `wavelength_nm`."""
    with np.load(path) as archive:
        axis, reflectance, names = archive["wavelength_nm"], archive["reflectance"], archive["name"]
    rows, fibres = [], []
    for fibre, words in USGS_WORDS.items():
        for row, name in enumerate(names):
            if any(word in str(name) for word in words):
                rows.append(row)
                fibres.append(fibre)
    absorbance = []
    for row in rows:
        known = np.isfinite(reflectance[row])
        absorbance.append(-np.log10(np.interp(wavelength_nm, axis[known], reflectance[row][known])))
    return PureSpectra(
        wavelength_nm, np.array(absorbance), tuple(fibres), tuple(str(names[row]) for row in rows)
    )


def only(spectra: PureSpectra, fibres: Sequence[str]) -> PureSpectra:
    """Keep the spectra of these fibres."""
    return _rows(spectra, [row for row, fibre in enumerate(spectra.fibres) if fibre in fibres])


def of_specimens(spectra: PureSpectra, names: Sequence[str]) -> PureSpectra:
    """Keep the spectra of these specimens."""
    return _rows(spectra, [row for row, name in enumerate(spectra.specimens) if name in names])


def _rows(spectra: PureSpectra, rows: Sequence[int]) -> PureSpectra:
    return PureSpectra(
        spectra.wavelength_nm,
        spectra.absorbance[list(rows)],
        tuple(spectra.fibres[row] for row in rows),
        tuple(spectra.specimens[row] for row in rows),
    )


def pretreated(absorbance: Floats) -> Floats:
    """Return SNV of the Savitzky-Golay first derivative (11 points, order 2); (n, b)."""
    slope = savgol_filter(absorbance, 11, 2, deriv=1, axis=1)
    centred = slope - slope.mean(axis=1, keepdims=True)
    result: Floats = centred / centred.std(axis=1, keepdims=True)
    return result


def pls_da(features: Floats, fibres: Sequence[str], unknown: Floats) -> list[str]:
    """Name the unknown rows by partial least squares on one-hot classes."""
    kinds = sorted(set(fibres))
    target = np.array([[float(fibre == kind) for kind in kinds] for fibre in fibres])
    model = PLSRegression(n_components=PLS_FACTORS, scale=False).fit(features, target)
    return [kinds[index] for index in model.predict(unknown).argmax(axis=1)]


def svm(features: Floats, fibres: Sequence[str], unknown: Floats) -> list[str]:
    """Name the unknown rows by a support vector machine with a radial kernel."""
    model = make_pipeline(StandardScaler(), SVC(C=10.0, gamma="scale")).fit(features, list(fibres))
    return [str(name) for name in model.predict(unknown)]


def votes(real: PureSpectra, named: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (specimen, true fibre, most frequent answer) of each specimen."""
    rows: list[tuple[str, str, str]] = []
    for specimen in dict.fromkeys(real.specimens):
        own = [row for row, name in enumerate(real.specimens) if name == specimen]
        answer = Counter(named[row] for row in own).most_common(1)[0][0]
        rows.append((specimen, real.fibres[own[0]], answer))
    return rows


if __name__ == "__main__":
    main()
