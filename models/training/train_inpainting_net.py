"""Train PMPN on folders of images and write a checkpoint that the station can serve.

The split is by group, fabric or specimen, always; see `find_images` for what a group is. Groups that are
held back choose when to stop. Training draws holes itself, so images need no masks.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.inpainting_net_config import PmpnConfig
from models.pmpn_checkpoint import PmpnCheckpoint, PmpnTraining
from models.training.inpainting_checkpoint import write_pmpn_checkpoint
from models.training.inpainting_examples import Pool, load_pool, make_pool, save_pool
from models.training.inpainting_fitting import FillingProgress, FillingSettings, fit_filling
from models.training.inpainting_images import ImageFile, find_images, split_by_group
from qc_daemon.domain.errors import DatasetError, InputError

HELD_SHARE = 0.12  # of the groups of a folder


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """How many tiles to learn from and to be watched by; making one costs about 0.2 s of one core."""

    training: int = 1800
    watching: int = 24


def train_inpainting_net(
    folders: Sequence[Path],
    out: Path,
    *,
    settings: FillingSettings,
    tell: Callable[[str], None],
    config: PmpnConfig | None = None,
    sizes: PoolSizes | None = None,
) -> PmpnCheckpoint:
    """Train on folders of images and write the checkpoint `out`.

    `out` with ".training" appended keeps the tiles and the metrics; an interrupted training resumes
    from it.

    Args:
        folders: of PNG, JPEG or TIFF images, searched with the folders in them.
        out: the checkpoint folder to write.
        settings: of the fitting; its seed is that of everything that is drawn.
        tell: is told how far the work is.
        config: of the network; the released one's by default.
        sizes: of the pools.

    Raises:
        DatasetError: a folder or an image cannot be read, or there are too few groups to hold one out.
        InputError: `out` exists.
    """
    if out.exists():
        raise InputError(f"{out}: exists; expected the name of a new checkpoint folder")
    images = [image for folder in dict.fromkeys(folders) for image in find_images(folder)]
    training, held = split_by_group(images, settings.seed, HELD_SHARE)
    if not held:
        names = ", ".join(str(folder) for folder in folders)
        raise DatasetError(
            f"{names}: too few groups to hold one out; expected three fabrics or specimens in a folder"
        )
    work = out.with_name(out.name + ".training")
    work.mkdir(parents=True, exist_ok=True)
    sizes = sizes or PoolSizes()
    tell(f"making {sizes.training + sizes.watching} tiles and their guides")
    pool = kept_pool(work / "training.npz", training, sizes.training, settings.seed)
    watching = kept_pool(work / "watching.npz", held, sizes.watching, settings.seed + 1)
    net, progress = fit_filling(pool, watching, config or PmpnConfig(), settings, work, tell)
    return write_pmpn_checkpoint(out, net, training_record(training, held, len(pool), settings, progress))


def filling_settings(seed: int, epochs: int | None, minutes: float | None) -> FillingSettings:
    """Return the default settings, with what a command was told."""
    default = FillingSettings(seed=seed, minutes=minutes)
    return default if epochs is None else replace(default, epochs=epochs)


def kept_pool(path: Path, images: Sequence[ImageFile], count: int, seed: int) -> Pool:
    """Return the pool of an interrupted training, or a new one."""
    if not path.is_file():
        save_pool(make_pool(images, count, seed), path)
    return load_pool(path)


def training_record(
    training: Sequence[ImageFile],
    held: Sequence[ImageFile],
    tiles: int,
    settings: FillingSettings,
    progress: FillingProgress,
) -> PmpnTraining:
    """Return what a manifest says of a training; `tiles` is the size of the pool."""
    return PmpnTraining(
        sets=tuple(_set_line(folder, training) for folder in _folders(training)),
        held_out=tuple(sorted({f"{_name(image.folder)}: {image.group}" for image in held})),
        tiles=tiles,
        seed=settings.seed,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        gain_db=round(progress.best_gain_db, 4),
        minutes=math.ceil(progress.seconds / 60.0),
    )


def _set_line(folder: Path, images: Sequence[ImageFile]) -> str:
    own = [image for image in images if image.folder == folder]
    return f"{_name(folder)}: {len({image.group for image in own})} groups, {len(own)} images"


def _folders(images: Sequence[ImageFile]) -> list[Path]:
    return list(dict.fromkeys(image.folder for image in images))


def _name(folder: Path) -> str:
    """Return the last two parts of a path, without the place where the data lie."""
    return "/".join(folder.resolve().parts[-2:])
