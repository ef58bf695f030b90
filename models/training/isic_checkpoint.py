"""Turn a trained ISiC-Net into a checkpoint: export, calibrate, seal, prove."""

import importlib.metadata
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.checkpoint import (
    CALIBRATION,
    FORMAT,
    GOLDEN,
    MINDIR,
    ONNX,
    WEIGHTS,
    Checkpoint,
    Manifest,
    TrainingRecord,
    load_checkpoint,
    write_known,
    write_manifest,
)
from models.drawn_inputs import drawn_inputs
from models.export import export_mindir, export_onnx, weights_of
from models.isic_net import IsicNet
from models.isic_net_config import output_names
from models.mindspore_import import ms
from models.preprocessing import ImageScale
from models.runtimes.onnx import OnnxRuntime
from models.runtimes.opening import KINDS, open_runtime
from models.runtimes.runtime import Tensors
from models.sealed_folder import TensorSpec, seal_files, tensor_specs, write_golden
from models.training.cone_fitting import known_cone
from models.training.drawn_fits import drawn_subspace
from models.training.examples import Examples
from models.training.isic_calibration import (
    Calibration,
    Known,
    calibrate_on_held_back,
    calibrate_on_left_out,
)
from models.validity import ValidityRange

_FILES = (WEIGHTS, ONNX, MINDIR, CALIBRATION, GOLDEN)
_MAX_GAP_NM = 20.0  # half the width of the narrowest band of the fibres in the near infrared
_VERSIONS_OF = ("mindspore", "numpy", "onnx", "onnxruntime", "safetensors")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the checkpoint says of its making: mass basis, scale of the images, training, what it saw."""

    basis: str
    image: ImageScale | None
    record: TrainingRecord
    validity: ValidityRange


def write_isic_checkpoint(
    out: Path, net: IsicNet, training: Examples, held: Examples | None, origin: Origin
) -> Checkpoint:
    """Write the folder `out` in one step and return it, verified in every runtime.

    Args:
        out: the folder to make; its name becomes the model's.
        net: with its final weights.
        training: what it was trained on.
        held: specimens to calibrate on that it never saw; None to leave training specimens out in turn.
        origin: what the manifest says of the making.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "checkpoint"
        folder.mkdir()
        save_file(weights_of(net), folder / WEIGHTS)
        export_onnx(net, folder / ONNX)
        export_mindir(net, folder / MINDIR)
        inputs = golden_inputs(net, origin.record.seed)
        outputs = reference_outputs(net, inputs)
        write_golden(folder / GOLDEN, inputs, outputs)
        seed, graph = origin.record.seed, OnnxRuntime(folder / ONNX)
        known = Known(drawn_subspace(training, seed), known_cone(training, seed))
        write_known(folder, known.subspace, known.cone)
        if held is None:
            calibration = calibrate_on_left_out(net.config, graph, training, known, seed)
        else:
            calibration = calibrate_on_held_back(net.config, graph, held, known)
        manifest = _manifest(
            folder, out.name, net, training, calibration, tensor_specs(inputs), tensor_specs(outputs), origin
        )
        write_manifest(folder, manifest)
        _prove(folder)
        folder.rename(out)
    return load_checkpoint(out)


def _prove(folder: Path) -> None:
    """Let every runtime reproduce the golden outputs before anyone relies on the folder."""
    checkpoint = load_checkpoint(folder)
    for kind in KINDS:
        open_runtime(checkpoint, kind).close()


def golden_inputs(net: IsicNet, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return made-up inputs of one specimen: a smooth spectrum of random bands, a noisy image."""
    return drawn_inputs(net.config, np.random.default_rng([seed, 2]))


def reference_outputs(net: IsicNet, inputs: Tensors) -> dict[str, NDArray[np.float32]]:
    """Return what MindSpore itself answers."""
    net.set_train(False)
    outputs = net(*(ms.Tensor(array) for array in inputs.values()))
    names = output_names(net.config)
    return {name: tensor.asnumpy() for name, tensor in zip(names, outputs, strict=True)}


def _manifest(
    folder: Path,
    name: str,
    net: IsicNet,
    training: Examples,
    calibration: Calibration,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    origin: Origin,
) -> Manifest:
    return Manifest(
        format=FORMAT,
        name=name,
        fibres=training.fibres,
        basis=origin.basis,
        config=net.config,
        grid=training.grid,
        max_gap_nm=max(_MAX_GAP_NM, 3.0 * training.grid.step_nm),
        image=origin.image,
        inputs=inputs,
        outputs=outputs,
        with_image=calibration.with_image,
        without_image=calibration.without_image,
        novelty=calibration.novelty,
        training=origin.record,
        versions=tuple(f"{package} {importlib.metadata.version(package)}" for package in _VERSIONS_OF),
        files=seal_files(folder, _FILES),
        validity=origin.validity,
    )
