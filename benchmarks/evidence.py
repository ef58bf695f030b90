"""Whether the answer rests on what the evidence names, tested by deletion.

    python -m benchmarks.evidence --specimens 100 --seed 31337 [--checkpoint FOLDER] [--data FOLDER]

The wavelength windows with the greatest weight are taken out of the spectrum, and as many drawn at
random; the regions that are drawn on the certificate are taken out of the micrograph, and as many of
the others.
Evidence is worth something where the first moves the shares further than the second. One scan of
each specimen is used. Virtual specimens are simulated; `--data` (or QC_DATA) names the folder of
recorded sets, whose swatches are tested without a micrograph.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.checkpoint import RELEASED, Checkpoint, load_checkpoint
from models.composition_predictor import IsicPredictor
from models.filling_methods import TELEA
from models.image_cleaner import DebrisCleaner
from models.isic_net_config import IMAGE_STRIDE
from models.preprocessing import ImageScale, on_grid
from models.runtimes.opening import open_runtime
from models.runtimes.runtime import Runtime, Tensors
from models.training.datasets import read_dataset
from models.virtual_mill.specimens import make_specimens
from qc_daemon.domain.composition import Composition, Evidence
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.spectrum import InstrumentIdentity, Spectrum

WINDOW_COUNTS = (1, 3, 5)
RANDOM_DRAWS = 4
CERTIFICATE, ISICA, ENCODER = "weights on the certificate", "ISiCA's attention", "encoder's attention"
KEPT = "regions on the certificate"
_RANDOM = "random"
_BLUR_PX = 12.0  # fibres, and the marks on them, are gone
_RESAMPLES = 2000
_MILL = InstrumentIdentity("virtual mill", "", "", "")
_AT_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One specimen to take things away from."""

    spectrum: Spectrum
    image: CleanedImage | None


@dataclass(frozen=True, slots=True)
class Trial:
    """How far, in percentage points summed over the fibres, one deletion moved one answer."""

    subject: int
    replaced_by: str
    removed: int
    chosen_by: str
    change_pp: float


@dataclass(frozen=True, slots=True)
class DeletionRow:
    """Deletions chosen by some evidence against as many at random; the interval is 95 %, by specimen."""

    chosen_by: str
    replaced_by: str
    removed: int
    n_specimens: int
    change_pp: float
    random_pp: float
    ratio: float
    ratio_lo: float
    ratio_hi: float


class Witness:
    """The station's predictor, which also tells the other outputs of its network."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._runtime = _Remembering(open_runtime(checkpoint, "onnx"))
        self._predictor = IsicPredictor(checkpoint, self._runtime)
        bands = checkpoint.manifest.config.bands
        self._mean_snv = checkpoint.subspace.centre[:bands]
        self.fibres = self._predictor.fibres
        self.image = checkpoint.manifest.image

    def answer(self, subject: Subject) -> Composition:
        """Return what the station would conclude."""
        return self._predictor.predict(subject.spectrum, subject.image)

    def rankings(self, evidence: Evidence) -> dict[str, NDArray[np.float32]]:
        """Return the weights of windows, (windows,) each, that the last answer offers."""
        found = {CERTIFICATE: evidence.window_weights, ENCODER: self._runtime.last["window_weights"][0]}
        attention = self._runtime.last.get("window_attention")
        if attention is not None and attention.any():
            found[ISICA] = attention[0]
        return found

    def typical(self, spectrum: Spectrum) -> NDArray[np.float64]:
        """Return (bands,) the mean spectrum of training at the level and spread of this one."""
        grid = self._predictor.grid
        own = on_grid(spectrum, grid)
        mean = own.mean() + own.std() * self._mean_snv
        return np.interp(spectrum.wavelength_nm, grid.wavelength_nm, mean)


def measure_virtual(witness: Witness, specimens: int, seed: int) -> list[DeletionRow]:
    """Test a model on specimens of the virtual mill (simulated), at the scale that it reads."""
    return delete_and_compare(witness, virtual_subjects(specimens, seed, witness.image), seed)


def delete_and_compare(witness: Witness, subjects: Iterable[Subject], seed: int) -> list[DeletionRow]:
    """Take windows and regions away from each subject, by each evidence and at random, and compare."""
    generator = np.random.default_rng(seed)
    trials: list[Trial] = []
    for number, subject in enumerate(subjects):
        composition = witness.answer(subject)
        rankings = witness.rankings(composition.evidence)
        trials += _window_trials(number, subject, composition, rankings, witness, generator)
        if composition.evidence.region_kept.any():
            trials += _region_trials(number, subject, composition, witness, generator)
    return _summary(trials, generator)


def _window_trials(
    number: int,
    subject: Subject,
    composition: Composition,
    rankings: dict[str, NDArray[np.float32]],
    witness: Witness,
    generator: np.random.Generator,
) -> Iterator[Trial]:
    edges = composition.evidence.window_edges_nm
    typical = witness.typical(subject.spectrum)

    def change(way: Callable[..., Spectrum], chosen: NDArray[np.intp]) -> float:
        spectrum = way(subject.spectrum, inside_windows(subject.spectrum, edges, chosen), typical)
        return _moved_pp(composition, witness.answer(replace(subject, spectrum=spectrum)))

    for name, way in (("a straight line", bridged), ("a typical bend", made_typical)):
        for count in WINDOW_COUNTS:
            for ranking, weights in rankings.items():
                yield Trial(number, name, count, ranking, change(way, np.argsort(-weights)[:count]))
            draws = [generator.permutation(len(edges) - 1)[:count] for _ in range(RANDOM_DRAWS)]
            yield Trial(number, name, count, _RANDOM, float(np.mean([change(way, one) for one in draws])))


def _region_trials(
    number: int, subject: Subject, composition: Composition, witness: Witness, generator: np.random.Generator
) -> Iterator[Trial]:
    """Take the drawn regions away, and as many of the others (all, where fewer are left)."""
    image, evidence = subject.image, composition.evidence
    assert image is not None
    kept, others = np.argwhere(evidence.region_kept), np.argwhere(~evidence.region_kept)
    count = min(len(kept), len(others))

    def change(level: NDArray[np.uint8], chosen: NDArray[np.intp]) -> float:
        hidden = inside_regions(image, evidence, chosen)
        pixels = np.where(hidden[..., None], level, image.pixels)
        without = replace(image, original=pixels, pixels=pixels)
        return _moved_pp(composition, witness.answer(replace(subject, image=without)))

    for name, level in (("the mean level", _mean_level(image.pixels)), ("a blur", _blurred(image.pixels))):
        for chosen_by, regions in ((KEPT, kept), (_RANDOM, others)):
            draws = [generator.permutation(regions)[:count] for _ in range(RANDOM_DRAWS)]
            change_pp = float(np.mean([change(level, one) for one in draws]))
            yield Trial(number, name, count, chosen_by, change_pp)


def inside_windows(
    spectrum: Spectrum, edges_nm: NDArray[np.float64], chosen: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return (bands,), True in the chosen windows."""
    window = np.searchsorted(edges_nm, spectrum.wavelength_nm, side="right") - 1
    return np.isin(window, chosen)


def bridged(spectrum: Spectrum, hidden: NDArray[np.bool_], _: NDArray[np.float64]) -> Spectrum:
    """Return the spectrum with straight lines across the hidden bands."""
    line = _line_across(spectrum.absorbance, spectrum, hidden)
    return replace(spectrum, absorbance=np.where(hidden, line, spectrum.absorbance))


def made_typical(spectrum: Spectrum, hidden: NDArray[np.bool_], typical: NDArray[np.float64]) -> Spectrum:
    """Return the spectrum with the hidden bands bent as those of `typical` (bands,), without steps."""
    line = _line_across(spectrum.absorbance - typical, spectrum, hidden)
    return replace(spectrum, absorbance=np.where(hidden, typical + line, spectrum.absorbance))


def _line_across(
    values: NDArray[np.float64], spectrum: Spectrum, hidden: NDArray[np.bool_]
) -> NDArray[np.float64]:
    known = spectrum.valid & ~hidden
    return np.interp(spectrum.wavelength_nm, spectrum.wavelength_nm[known], values[known])


def inside_regions(image: CleanedImage, evidence: Evidence, chosen: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return (height, width), True in the chosen regions (n, 2) of the grid in the image's middle."""
    hidden = np.zeros(image.pixels.shape[:2], bool)
    side_px = evidence.region_um / image.um_per_pixel
    corners = (chosen - np.array(evidence.region_kept.shape) / 2) * side_px + np.array(hidden.shape) / 2
    for top, left in corners.round().astype(int):
        hidden[max(top, 0) : round(top + side_px), max(left, 0) : round(left + side_px)] = True
    return hidden


def _mean_level(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.broadcast_to(pixels.mean(axis=(0, 1)).round().astype(np.uint8), pixels.shape)


def _blurred(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), _BLUR_PX), np.uint8)


def _moved_pp(before: Composition, after: Composition) -> float:
    pairs = zip(before.shares, after.shares, strict=True)
    return sum(abs(one.percent - other.percent) for one, other in pairs)


def _summary(trials: Sequence[Trial], generator: np.random.Generator) -> list[DeletionRow]:
    cases: dict[tuple[str, str, int], dict[int, float]] = {}
    for trial in trials:
        case = cases.setdefault((trial.chosen_by, trial.replaced_by, trial.removed), {})
        case[trial.subject] = trial.change_pp
    return [
        _row(case, changes, cases[_RANDOM, case[1], case[2]], generator)
        for case, changes in cases.items()
        if case[0] != _RANDOM
    ]


def _row(
    case: tuple[str, str, int],
    changes: dict[int, float],
    at_random: dict[int, float],
    generator: np.random.Generator,
) -> DeletionRow:
    chosen = np.array(list(changes.values()))
    drawn = np.array([at_random[subject] for subject in changes])
    again = generator.integers(0, len(chosen), (_RESAMPLES, len(chosen)))
    ratios = chosen[again].mean(axis=1) / drawn[again].mean(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    ratio = float(chosen.mean() / drawn.mean())
    return DeletionRow(*case, len(chosen), float(chosen.mean()), float(drawn.mean()), ratio, low, high)


class _Remembering:
    """A runtime that keeps its last answer."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.last: Tensors = {}

    def infer(self, inputs: Tensors) -> Tensors:
        self.last = self._runtime.infer(inputs)
        return self.last

    def describe(self) -> str:
        return self._runtime.describe()

    def close(self) -> None:
        self._runtime.close()


def virtual_subjects(specimens: int, seed: int, scale: ImageScale | None) -> Iterator[Subject]:
    """Yield specimens of the virtual mill, with cleaned micrographs at the scale that a model reads."""
    cleaner = DebrisCleaner(TELEA)
    size_px, um_per_pixel = (scale.side_px + IMAGE_STRIDE, scale.um_per_pixel) if scale else (256, 1.0)
    for specimen in make_specimens(specimens, seed, size_px=size_px, um_per_pixel=um_per_pixel):
        scan, micrograph = specimen.scan, specimen.micrograph
        frame = Frame(b"", micrograph.pixels, micrograph.um_per_pixel, _MILL, _AT_NO_TIME, 0.0, 0)
        spectrum = Spectrum(scan.wavelength_nm, scan.absorbance, np.isfinite(scan.absorbance))
        yield Subject(spectrum, cleaner.clean(frame))


def recorded_subjects(data: Path, fibres: Sequence[str]) -> Iterator[Subject]:
    """Yield one scan of each recorded swatch that is of fibres the model knows."""
    swatches = read_dataset(data / "nirscan_swatches")
    known = [swatches.fibres.index(fibre) for fibre in fibres if fibre in swatches.fibres]
    _, first = np.unique(np.array(swatches.specimens), return_index=True)
    for row in first[swatches.shares[first][:, known].sum(axis=1) > 0.99]:
        absorbance = swatches.absorbance[row]
        yield Subject(Spectrum(swatches.wavelength_nm, absorbance, np.isfinite(absorbance)), None)


def main() -> None:
    """Test virtual and, where there are any, recorded specimens; print a table each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--specimens", type=int, default=100)
    parser.add_argument("--seed", type=int, default=31337)
    parser.add_argument("--checkpoint", type=Path, default=RELEASED)
    parser.add_argument("--data", type=Path, default=os.environ.get("QC_DATA"))
    options = parser.parse_args()
    witness = Witness(load_checkpoint(options.checkpoint))
    rows = measure_virtual(witness, options.specimens, options.seed)
    Console(width=110).print(as_table(rows, "virtual specimens (simulated)"))
    if options.data is not None:
        swatches = recorded_subjects(Path(options.data), witness.fibres)
        rows = delete_and_compare(witness, swatches, options.seed)
        Console(width=110).print(as_table(rows, "recorded swatches, spectrum alone"))


def as_table(rows: Sequence[DeletionRow], title: str) -> Table:
    """Return the rows as a table to print."""
    heads = ("removed by", "replaced by", "removed", "n", "moves, pp", "at random, pp", "ratio (95 %)")
    table = Table(*heads, title=title)
    for row in rows:
        table.add_row(
            row.chosen_by, row.replaced_by, str(row.removed), str(row.n_specimens), f"{row.change_pp:.1f}",
            f"{row.random_pp:.1f}", f"{row.ratio:.2f} ({row.ratio_lo:.2f} to {row.ratio_hi:.2f})",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
