"""Turn a trained ISiC-Net into a checkpoint: export, calibrate through the exported graph, seal.

Intervals and novelty limits come from what `model.onnx` answers on held-back specimens, so they
hold for what the station serves.
"""

import importlib.metadata
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.calibration import (
    IntervalTable,
    NoveltyLimits,
    SignalSubspace,
    calibrate_intervals,
    fit_subspace,
    novelty_limit,
)
from models.checkpoint import (
    CALIBRATION,
    FORMAT,
    GOLDEN,
    MINDIR,
    ONNX,
    WEIGHTS,
    Checkpoint,
    Manifest,
    TensorSpec,
    TrainingRecord,
    load_checkpoint,
    seal_files,
    write_manifest,
)
from models.composition_predictor import network_inputs, reconstruction_error
from models.export import export_mindir, export_onnx, weights_of
from models.isic_net import IsicNet
from models.isic_net_config import output_names
from models.mindspore_import import ms
from models.preprocessing import ImageScale, signal_channels, standardised
from models.runtimes.onnx import OnnxRuntime
from models.runtimes.runtime import KINDS, Tensors, open_runtime
from models.training.examples import Examples, centre_crops, row_weights, vary

_FILES = (WEIGHTS, ONNX, MINDIR, CALIBRATION, GOLDEN)
_SUBSPACE_ROWS = 3000  # drawn spectra that span the known
_MAX_GAP_NM = 20.0  # half the width of the narrowest band of the fibres in the near infrared
_VERSIONS_OF = ("mindspore", "numpy", "onnx", "onnxruntime", "safetensors")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the checkpoint says of its making: mass basis, scale of the images, training."""

    basis: str
    image: ImageScale | None
    record: TrainingRecord


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """What the exported graph says of n examples: (n, k) shares and spreads, (n,) error of REC or None."""

    shares: NDArray[np.float64]
    spread: NDArray[np.float64]
    rebuilding_error: NDArray[np.float64] | None


def write_isic_checkpoint(
    out: Path, net: IsicNet, training: Examples, held: Examples, origin: Origin
) -> Checkpoint:
    """Write the folder `out` in one step and return it, verified in every runtime."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "checkpoint"
        folder.mkdir()
        save_file(weights_of(net), folder / WEIGHTS)
        export_onnx(net, folder / ONNX)
        export_mindir(net, folder / MINDIR)
        subspace = known_subspace(training, origin.record.seed)
        np.savez(folder / CALIBRATION, centre=subspace.centre, axes=subspace.axes)
        golden = golden_inputs(net, origin.record.seed)
        outputs = reference_outputs(net, golden)
        np.savez(
            folder / GOLDEN,
            **{f"in.{name}": array for name, array in golden.items()},
            **{f"out.{name}": array for name, array in outputs.items()},
        )
        manifest = _manifest(out.name, net, folder, held, subspace, golden, outputs, origin)
        write_manifest(folder, manifest)
        checkpoint = load_checkpoint(folder)
        for kind in KINDS:
            open_runtime(checkpoint, kind).close()
        folder.rename(out)
    return load_checkpoint(out)


def known_subspace(training: Examples, seed: int) -> SignalSubspace:
    """Return the space of spectra as training draws them: blends and other units included."""
    generator = np.random.default_rng([seed, 1])
    weights = row_weights(training)
    rows = generator.choice(len(training), min(_SUBSPACE_ROWS, 20 * len(training)), p=weights)
    absorbance, _ = vary(training, rows, weights, generator)
    return fit_subspace(signal_channels(absorbance).reshape(len(rows), -1).astype(np.float64))


def golden_inputs(net: IsicNet, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return made-up inputs of one specimen: a smooth spectrum of random bands, a noisy image."""
    generator = np.random.default_rng([seed, 2])
    place = np.linspace(0.0, 1.0, net.config.bands)
    centres, heights = generator.random((8, 1)), generator.random((8, 1))
    absorbance = 0.2 + (0.1 * heights * np.exp(-(((place - centres) / 0.05) ** 2))).sum(axis=0)
    side = net.config.image_px
    plane = standardised(generator.normal(128.0, 30.0, (1, 1, side, side)).astype(np.float32))
    return network_inputs(net.config, signal_channels(absorbance[None]), plane)


def reference_outputs(net: IsicNet, inputs: Tensors) -> dict[str, NDArray[np.float32]]:
    """Return what MindSpore itself answers."""
    net.set_train(False)
    outputs = net(*(ms.Tensor(array) for array in inputs.values()))
    names = output_names(net.config)
    return {name: tensor.asnumpy() for name, tensor in zip(names, outputs, strict=True)}


def _manifest(
    name: str,
    net: IsicNet,
    folder: Path,
    held: Examples,
    subspace: SignalSubspace,
    inputs: Tensors,
    outputs: Tensors,
    origin: Origin,
) -> Manifest:
    graph = OnnxRuntime(folder / ONNX)
    alone = _answers(net, graph, held, with_image=False)
    seen = held.take(held.with_image)
    both = _answers(net, graph, seen, with_image=True) if net.config.image and len(seen) else None
    return Manifest(
        format=FORMAT,
        name=name,
        fibres=held.fibres,
        basis=origin.basis,
        config=net.config,
        grid=held.grid,
        max_gap_nm=max(_MAX_GAP_NM, 3.0 * held.grid.step_nm),
        image=origin.image,
        inputs=_specs(inputs),
        outputs=_specs(outputs),
        with_image=None if both is None else _intervals(both, seen),
        without_image=_intervals(alone, held),
        novelty=_novelty_limits(held, subspace, alone),
        training=origin.record,
        versions=tuple(f"{package} {importlib.metadata.version(package)}" for package in _VERSIONS_OF),
        files=seal_files(folder, _FILES),
    )


def _answers(net: IsicNet, graph: OnnxRuntime, examples: Examples, with_image: bool) -> _Answers:
    """Ask the graph one by one, as the station does."""
    signal = signal_channels(examples.absorbance)
    answers = []
    for row in range(len(examples)):
        plane = centre_crops(examples.images[examples.image_of[row]][None]) if with_image else None
        answers.append(graph.infer(network_inputs(net.config, signal[row : row + 1], plane)))
    error = None
    if net.config.reconstruction:
        error = reconstruction_error(signal, np.concatenate([answer["reconstruction"] for answer in answers]))
    shares = np.concatenate([answer["shares"] for answer in answers]).astype(np.float64)
    spread = np.concatenate([answer["spread"] for answer in answers]).astype(np.float64)
    return _Answers(shares, spread, error)


def _intervals(answers: _Answers, examples: Examples) -> IntervalTable:
    return calibrate_intervals(answers.shares, answers.spread, examples.shares, examples.specimens)


def _novelty_limits(held: Examples, subspace: SignalSubspace, alone: _Answers) -> NoveltyLimits:
    inputs = signal_channels(held.absorbance).reshape(len(held), -1).astype(np.float64)
    error = alone.rebuilding_error
    return NoveltyLimits(
        subspace=novelty_limit(subspace.residual(inputs), held.specimens, held.sources),
        reconstruction=None if error is None else novelty_limit(error, held.specimens, held.sources),
    )


def _specs(tensors: Tensors) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, array.shape, str(array.dtype)) for name, array in tensors.items())
