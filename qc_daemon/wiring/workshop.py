"""Opens the workshop: virtual mill, emulators, training, evaluation, prediction.

Heavy packages are imported where they are used, so that a command starts at once.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.spectrum import REPLAYED_SERIAL, VIRTUAL_SERIAL
from qc_daemon.wiring.cleaning import open_cleaner
from qc_daemon.wiring.lines import read_scans, write_scans_as_tape
from qc_daemon.wiring.spectrometers import EMULATORS, emulated_axis
from qc_daemon.wiring.station import open_predictor

_LINE_DEVICES = ("plc", "scanner")


def write_mill(folder: Path, specimens: int, seed: int) -> None:
    """Write a dataset folder of virtual specimens."""
    from models.virtual_mill.specimens import write_mill as write

    write(folder, specimens, seed)


def emulate(instrument: str, replay: Path | None, faults: Sequence[str]) -> int:
    """Run an emulator until its standard input closes; return its exit status."""
    with TemporaryDirectory(prefix="qc-emulate-") as scratch:
        if instrument in _LINE_DEVICES:
            if replay is not None:
                raise InputError(f"emulate {instrument}: --replay is for spectrometers and cameras")
            module, arguments = instrument, []
        elif instrument == "camera":
            folder = replay or _milled_images(Path(scratch))
            module, arguments = "mjpeg_camera", ["--images", str(folder)]
        else:
            tape = _tape_to_show(instrument, replay, Path(scratch))
            module, arguments = EMULATORS[instrument], ["--tape", str(tape), "--baud-paced"]
        for fault in faults:
            arguments += ["--fault", fault]
        command = [sys.executable, "-m", f"instruments.emulators.{module}", *arguments]
        return subprocess.run(command, check=False).returncode


def _tape_to_show(kind: str, replay: Path | None, scratch: Path) -> Path:
    from models.virtual_mill.specimens import write_mill as write

    if replay is not None and replay.is_file():
        (scratch / "scans").mkdir()
        shutil.copy(replay, scratch / "scans")
        replay = scratch / "scans"
    if replay is not None:
        dataset = read_scans(replay)
    else:
        dataset = write(scratch / "fabric", 12, 1, emulated_axis(kind))
    return write_scans_as_tape(dataset, scratch, VIRTUAL_SERIAL if replay is None else REPLAYED_SERIAL)[0]


def _milled_images(scratch: Path) -> Path:
    write_mill(scratch / "fabric", 12, 1)
    return scratch / "fabric" / "images"


def train_isic(
    folders: Sequence[Path], out: Path, seed: int, epochs: int | None, minutes: float | None
) -> None:
    """Train ISiC-Net on dataset folders and write a checkpoint."""
    from models.training.train_isic_net import train_isic_net

    train_isic_net(folders, out, seed=seed, epochs=epochs, minutes=minutes)


def predict_isic(checkpoint: Path, folder: Path, out: Path) -> int:
    """Predict every row of a dataset folder into a CSV file; return the number of rows."""
    from models.training.predict import predict_dataset, write_predictions

    dataset = read_scans(folder)
    with open_predictor(checkpoint) as predictor:
        predictions = predict_dataset(predictor, open_cleaner(), dataset)
        write_predictions(out, dataset, predictions)
    return len(dataset)


def evaluate_isic(checkpoint: Path, folder: Path) -> list[dict[str, Any]]:
    """Measure a checkpoint on a dataset folder, grouped by specimen."""
    from models.training.evaluate import evaluate

    dataset = read_scans(folder)
    with open_predictor(checkpoint) as predictor:
        return [asdict(row) for row in evaluate(predictor, open_cleaner(), dataset)]


def train_inpainting(
    folders: Sequence[Path],
    out: Path,
    seed: int,
    epochs: int | None,
    minutes: float | None,
    tell: Callable[[str], None],
) -> None:
    """Train PMPN on folders of images and write a checkpoint."""
    from models.training.train_inpainting_net import filling_settings, train_inpainting_net

    train_inpainting_net(folders, out, settings=filling_settings(seed, epochs, minutes), tell=tell)


def evaluate_inpainting(checkpoint: Path, folder: Path, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Measure a checkpoint of PMPN on a folder of images, on which holes are drawn."""
    from models.pmpn_fill import PmpnFill
    from models.training.evaluate_inpainting import evaluate_filling

    return [asdict(row) for row in evaluate_filling(PmpnFill.open(checkpoint), folder, tell)]
