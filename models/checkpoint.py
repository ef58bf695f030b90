"""A checkpoint is a folder: weights, graphs, calibration, golden answers and a manifest that binds them.

    manifest.json        what the model is, and the SHA-256 of every other file
    manifest.sha256      the SHA-256 of the manifest: the version of the checkpoint
    weights.safetensors  for training and the reference runtime
    model.onnx           static shapes, one specimen at a time: what the station serves
    model.mindir         the same graph for MindSpore
    calibration.npz      the subspace of known spectra, and their cone
    golden.npz           inputs and the outputs that every runtime has to reproduce

Nothing here imports MindSpore.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from models.calibration import IntervalTable, NoveltyLimits, SignalSubspace
from models.isic_net_config import IsicNetConfig
from models.known_cone import KnownCone
from models.preprocessing import ImageScale, SpectrumGrid
from models.sealed_folder import (
    MANIFEST,
    Arrays,
    FileSeal,
    TensorSpec,
    parse_manifest,
    read_arrays,
    read_contents,
    read_golden,
    read_manifest,
    write_sealed,
)
from models.validity import ValidityRange

WEIGHTS, ONNX, MINDIR = "weights.safetensors", "model.onnx", "model.mindir"
CALIBRATION, GOLDEN = "calibration.npz", "golden.npz"
OM = "model.om"
FORMAT = "isic-net checkpoint 1"
RELEASED = Path(__file__).parent / "weights" / "isic-net-1"  # what this version of the software ships
_REQUIRED = (WEIGHTS, ONNX, CALIBRATION, GOLDEN)


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What the model was made from.

    Attributes:
        sets: one line a dataset: name, specimens, rows.
        median_shares: of the training specimens, in the order of the fibres: what to answer unseen.
        calibrated_on: which specimens the intervals and the novelty limit rest on.
        best_epoch: whose weights these are.
        validation_error: mean absolute share error of the specimens that chose the epoch, 0..1.
    """

    sets: tuple[str, ...]
    median_shares: tuple[float, ...]
    calibrated_on: str
    calibration_specimens: int
    seed: int
    best_epoch: int
    validation_error: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is said of a model.

    Attributes:
        name: of the model ("isic-net-1").
        fibres: in the order of the outputs.
        basis: mass basis of the shares.
        image: None if the model reads no image.
        with_image, without_image: interval tables; `with_image` is None if the model reads no image.
        max_gap_nm: longest run of bands without a value that may be interpolated.
        versions: lines such as "mindspore 2.10.0".
        validity: what training saw; None in checkpoints that were made before it was recorded.
    """

    format: str
    name: str
    fibres: tuple[str, ...]
    basis: str
    config: IsicNetConfig
    grid: SpectrumGrid
    max_gap_nm: float
    image: ImageScale | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    with_image: IntervalTable | None
    without_image: IntervalTable
    novelty: NoveltyLimits
    training: TrainingRecord
    versions: tuple[str, ...]
    files: tuple[FileSeal, ...]
    validity: ValidityRange | None = None


_ADAPTER = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A verified checkpoint folder.

    Attributes:
        digest: SHA-256 of the manifest: the version that conclusions store.
        cone: None in a checkpoint that was made before novelty was measured by it.
        golden_inputs, golden_outputs: arrays by tensor name.
    """

    folder: Path
    digest: str
    manifest: Manifest
    subspace: SignalSubspace
    cone: KnownCone | None
    golden_inputs: Arrays
    golden_outputs: Arrays

    @property
    def onnx_path(self) -> Path:
        """The graph that the station serves."""
        return self.folder / ONNX

    @property
    def om_path(self) -> Path:
        """The graph compiled for an Ascend 310: made on site, so no part of the checkpoint's version."""
        return self.folder / OM


def load_checkpoint(folder: Path) -> Checkpoint:
    """Load a checkpoint after verifying every byte of it.

    Raises:
        CheckpointError: names the file and what was expected of it.
    """
    text, digest = read_manifest(folder)
    manifest: Manifest = parse_manifest(_ADAPTER, text, folder / MANIFEST, FORMAT)
    contents = read_contents(folder, manifest.files, _REQUIRED)
    subspace, cone = _known(folder / CALIBRATION, contents[CALIBRATION], manifest.novelty.cone is not None)
    golden = read_golden(folder / GOLDEN, contents[GOLDEN], manifest.inputs, manifest.outputs)
    return Checkpoint(folder, digest, manifest, subspace, cone, *golden)


def write_known(folder: Path, subspace: SignalSubspace, cone: KnownCone) -> None:
    """Write what novelty is measured by."""
    np.savez(
        folder / CALIBRATION,
        centre=subspace.centre,
        axes=subspace.axes,
        pretreatment=cone.pretreatment,
        spectra=cone.spectra,
    )


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Write the manifest and its seal; return the digest."""
    return write_sealed(folder, _ADAPTER.dump_json(manifest, indent=1) + b"\n")


def _known(path: Path, content: bytes, with_cone: bool) -> tuple[SignalSubspace, KnownCone | None]:
    keys = ("centre", "axes") + (("pretreatment", "spectra") if with_cone else ())
    arrays = {key: array.astype(np.float64) for key, array in read_arrays(path, content, keys).items()}
    cone = KnownCone(arrays["pretreatment"], arrays["spectra"]) if with_cone else None
    return SignalSubspace(arrays["centre"], arrays["axes"]), cone
