"""Train ISiC-Net on dataset folders and write a checkpoint that the station can serve.

The split is by specimen, always. What is held back stops the training early and, through the
exported graph that the station will serve, calibrates intervals and novelty.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from models.checkpoint import Checkpoint, TrainingRecord
from models.isic_net_config import IsicNetConfig
from models.preprocessing import ImageScale
from models.training.dataset import Dataset
from models.training.datasets import read_dataset, require_shares
from models.training.examples import Examples, common_grid, gather
from models.training.isic_checkpoint import Origin, write_isic_checkpoint
from models.training.isic_fitting import TrainingSettings, fit_network, place_anchor
from models.training.sample_table import SAMPLES_FILE
from models.training.seen_range import seen_range
from models.training.small_anchor import CENTRES, small_anchor
from models.training.splitting import split_by_specimen
from qc_daemon.domain.errors import DatasetError, InputError

log = structlog.get_logger()

# What the network sees of a micrograph: 896 µm of a field at 2 µm a pixel, from cameras of 0.5 to 2.5. A
# smaller field holds too few fibres to tell shares by, a coarser image lacks the marks by which fibres are
# told apart; it is not blown up.
MICROGRAPHS = ImageScale(side_px=448, um_per_pixel=2.0, min_um_per_pixel=0.5, max_um_per_pixel=2.5)
BANDS = 160
RATE_WITH_IMAGES, DECAY_WITH_IMAGES = 8e-4, 0.05  # of a network that starts from thousands of specimens
_PURE = 0.999
# With fewer compositions of blends, each of a fabric or two, a network learns the fabrics: on recorded
# cotton/polyester its correction harmed five of six compositions that were left out.
_LEAST_BLENDS = 10
BASIS = "as labelled, percent by mass"
_LEAST_IMAGES = 200  # micrographs below which an image encoder cannot be trained from nothing
# Specimens below which none are held back to calibrate on: with micrographs, which only a network can
# read, and without.
_LEAST_TO_HOLD_BACK, _LEAST_SPECTRA_TO_HOLD_BACK = 40, 200
HELD_BACK = "specimens that were held back"
LEFT_OUT = "specimens left out in turn by the calibration, too few to hold any back"
_LEAST_TO_DEAL = 4  # specimens of a main fibre below which all of them are needed to train


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of the network to build: the rows of the ablation."""

    image: bool = True
    region_generation: bool = True
    cross_attention: bool = True
    reconstruction: bool = True


def train_isic_net(
    folders: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    minutes: float | None = None,
    parts: Parts | None = None,
) -> Checkpoint:
    """Train on dataset folders and write the checkpoint `out`.

    Where the folders hold fewer than 200 micrographs of known scale, the network reads spectra
    only. `out` with ".training" appended keeps the metrics; an interrupted training resumes from it.

    Args:
        folders: dataset folders; their fibres and their common wavelength range are the model's.
        out: the checkpoint folder to write.
        seed: of everything that is drawn.
        epochs: at most; None for the default. Training stops earlier without progress.
        minutes: budget of wall time for the fitting; None for no limit.
        parts: of the network; all by default.

    Raises:
        DatasetError: a folder cannot be read, or holds nothing to learn from: no shares, one specimen, or
            no two specimens of one main fibre.
        InputError: `out` exists.
    """
    if out.exists():
        raise InputError(f"{out}: exists; expected the name of a new checkpoint folder")
    datasets = [_labelled(folder) for folder in folders]
    parts = parts or Parts()
    scale = MICROGRAPHS if parts.image and _micrographs(datasets) >= _LEAST_IMAGES else None
    examples = gather(datasets, common_grid(datasets, BANDS), scale)
    require_learnable(examples, folders)
    split = split_examples(examples, seed)
    few = split.calibrate is None
    config = configuration(len(examples.fibres), parts, reads_image=scale is not None, few=few)
    epochs = epochs_to_fit(examples, few) if epochs is None else epochs
    settings = training_settings(seed, epochs, minutes, config.image)
    training = examples.take(split.train)
    work = out.with_name(out.name + ".training")
    net, progress = fit_network(training, examples.take(split.validate), config, settings, work)
    held = None if split.calibrate is None else examples.take(split.calibrate)
    # Where none are held back, those that chose when to stop are known as well, also to the calibration.
    if held is None:
        place_anchor(net, small_anchor(examples, seed))
    record = TrainingRecord(
        sets=tuple(_set_line(dataset) for dataset in datasets),
        median_shares=_median_shares(training),
        calibrated_on=LEFT_OUT if held is None else HELD_BACK,
        calibration_specimens=len(set((examples if held is None else held).specimens)),
        seed=seed,
        best_epoch=progress.best_epoch,
        validation_error=progress.best_error,
    )
    # Specimens that calibrated the intervals vouch for what is inside the range as well.
    origin = Origin(BASIS, scale, record, seen_range(examples))
    return write_isic_checkpoint(out, net, examples if held is None else training, held, origin)


def _labelled(folder: Path) -> Dataset:
    dataset = read_dataset(folder)
    require_shares(dataset)
    return dataset


def require_learnable(examples: Examples, folders: Sequence[Path]) -> None:
    """Refuse what cannot be learnt; warn of fibres whose only specimen no other can test.

    Raises:
        DatasetError: no two specimens have the same main fibre.
    """
    per_fibre = _specimens_per_fibre(examples)
    if max(per_fibre.values()) < 2:
        names = ", ".join(str(folder / SAMPLES_FILE) for folder in folders)
        count = "one specimen" if len(per_fibre) == 1 else f"{len(per_fibre)} specimens of as many fibres"
        raise DatasetError(
            f"{names}: {count}, too few to train on; expected two or more whose main fibre is the same"
        )
    for fibre, specimens in sorted(per_fibre.items()):
        if specimens == 1:
            log.warning("a fibre has one specimen: it stays in training, nothing tests it", fibre=fibre)


def _specimens_per_fibre(examples: Examples) -> Counter[str]:
    """Count the specimens of each main fibre."""
    return Counter(dict(zip(examples.specimens, _main_fibres(examples), strict=True)).values())


def _main_fibres(examples: Examples) -> list[str]:
    return [examples.fibres[index] for index in examples.shares.argmax(axis=1)]


def training_settings(
    seed: int, epochs: int | None, minutes: float | None, reads_image: bool
) -> TrainingSettings:
    """Return the default settings of a network that reads images or does not."""
    default = TrainingSettings(seed=seed, minutes=minutes)
    return replace(
        default,
        epochs=default.epochs if epochs is None else epochs,
        paired=default.paired if reads_image else 0,
        learning_rate=RATE_WITH_IMAGES if reads_image else default.learning_rate,
        weight_decay=DECAY_WITH_IMAGES if reads_image else default.weight_decay,
    )


def epochs_to_fit(examples: Examples, few: bool) -> int | None:
    """Return 0 where what a network makes of other blends could not be checked, else None for the default.

    Then the calibration answers alone: `few` specimens that are pure or whose compositions are few.
    """
    blended = examples.shares[examples.shares.max(axis=1) < _PURE]
    compositions = len(np.unique(blended.round(2), axis=0))
    return 0 if few and compositions < _LEAST_BLENDS else None


def _micrographs(datasets: Sequence[Dataset]) -> int:
    return sum(
        dataset.micrograph_path(row) is not None for dataset in datasets for row in range(len(dataset))
    )


def configuration(fibres: int, parts: Parts, reads_image: bool, few: bool) -> IsicNetConfig:
    """Return the network for this many fibres; with a memory where specimens are `few`."""
    return IsicNetConfig(
        fibres=fibres,
        bands=BANDS,
        image_px=MICROGRAPHS.side_px,
        image=reads_image,
        region_generation=reads_image and parts.region_generation,
        cross_attention=reads_image and parts.cross_attention,
        reconstruction=parts.reconstruction,
        window_evidence=True,
        memory=CENTRES if few else 0,
    )


def _median_shares(training: Examples) -> tuple[float, ...]:
    _, first = np.unique(np.array(training.specimens), return_index=True)
    return tuple(float(share) for share in np.median(training.shares[first], axis=0))


def _set_line(dataset: Dataset) -> str:
    specimens = len(set(dataset.specimens))
    return f"{dataset.folder.name}: {specimens} specimens, {len(dataset)} spectra"


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers by use; `calibrate` is None where specimens have to be left out in turn instead."""

    train: NDArray[np.intp]
    validate: NDArray[np.intp]
    calibrate: NDArray[np.intp] | None


def split_examples(examples: Examples, seed: int) -> Split:
    """Hold whole specimens back, 12 % to stop early and 18 % to calibrate; a rare fibre stays in training.

    Of fewer than 40 specimens with micrographs, or 200 without, a quarter is held back to stop early and
    none to calibrate; of fewer than 4, none at all.
    """
    main = _main_fibres(examples)
    per_fibre = _specimens_per_fibre(examples)
    dealt = np.array([per_fibre[fibre] >= _LEAST_TO_DEAL for fibre in main])
    rare, common = np.flatnonzero(~dealt), np.flatnonzero(dealt)
    names, strata = [examples.specimens[row] for row in common], [main[row] for row in common]
    if len(set(names)) < _LEAST_TO_DEAL:
        every = np.arange(len(examples))
        return Split(every, every, None)
    least = _LEAST_TO_HOLD_BACK if len(examples.with_image) else _LEAST_SPECTRA_TO_HOLD_BACK
    if len(set(names)) < least:
        train, validate = split_by_specimen(names, (0.75, 0.25), seed, strata)
        return Split(np.concatenate([common[train], rare]), common[validate], None)
    train, validate, calibrate = split_by_specimen(names, (0.7, 0.12, 0.18), seed, strata)
    return Split(np.concatenate([common[train], rare]), common[validate], common[calibrate])
