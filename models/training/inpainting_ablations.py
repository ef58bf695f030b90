"""Train PMPN and what is left of it without its parts, each for as many steps on the same tiles.

    python -m models.training.inpainting_ablations --data FOLDER... --out FOLDER --epochs EPOCHS

``--out`` gets a checkpoint folder for each, which `make bench-inpainting` compares. A checkpoint that is
there is kept, and an interrupted training resumes.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.inpainting_net_config import PmpnConfig
from models.training.inpainting_checkpoint import write_pmpn_checkpoint
from models.training.inpainting_fitting import FillingSettings, fit_filling
from models.training.inpainting_images import find_images, split_by_group
from models.training.train_inpainting_net import HELD_SHARE, PoolSizes, kept_pool, training_record

SIBLINGS: Mapping[str, PmpnConfig] = {
    "full": PmpnConfig(),
    "without-cpi": PmpnConfig(cpi=False),
    "without-bicsp": PmpnConfig(bicsp=False),
    "without-cca": PmpnConfig(cca=False),
    "ctsdg-style": PmpnConfig(cpi=False, bicsp=False, cca=False),
    "pconv-unet": PmpnConfig(streams=1, cpi=False, bicsp=False, cca=False),
}
SEED = 1
_STEPS = 50  # of an epoch: short runs are looked at more often


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description="Train PMPN and its siblings for as many steps.")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of images")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints")
    parser.add_argument("--epochs", type=int, required=True, help=f"of {_STEPS} steps, for each")
    arguments = parser.parse_args()
    train_siblings(arguments.data, arguments.out, arguments.epochs)


def train_siblings(folders: Sequence[Path], out: Path, epochs: int, sizes: PoolSizes | None = None) -> None:
    """Write a checkpoint folder for each of `SIBLINGS` below `out`; those that are there are kept."""
    images = [image for folder in folders for image in find_images(folder)]
    training, held = split_by_group(images, SEED, HELD_SHARE)
    out.mkdir(parents=True, exist_ok=True)
    sizes = sizes or PoolSizes()
    pool = kept_pool(out / "training.npz", training, sizes.training, SEED)
    watching = kept_pool(out / "watching.npz", held, sizes.watching, SEED + 1)
    settings = FillingSettings(seed=SEED, epochs=epochs, steps=_STEPS)
    for name, config in SIBLINGS.items():
        if (out / name).exists():
            continue
        _tell(f"{name}: {epochs} epochs")
        work = out / f"{name}.training"
        net, progress = fit_filling(pool, watching, config, settings, work, _tell)
        record = training_record(training, held, len(pool), settings, progress)
        write_pmpn_checkpoint(out / name, net, record)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
