"""Turn a trained PMPN into a checkpoint: export, answer the golden question, seal, prove."""

import importlib.metadata
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.export import export_graph, weights_of
from models.inpainting_net import Pmpn
from models.inpainting_net_config import GUIDES, INPUTS, OUTPUT, input_shapes
from models.mindspore_import import ms
from models.pmpn_checkpoint import (
    FILES,
    FORMAT,
    TILES,
    WEIGHTS,
    PmpnCheckpoint,
    PmpnManifest,
    PmpnTraining,
    load_pmpn_checkpoint,
    write_pmpn_manifest,
)
from models.pmpn_fill import PmpnFill
from models.sealed_folder import seal_files, write_golden
from models.training.free_form_masks import free_form_mask

_VERSIONS_OF = ("mindspore", "numpy", "onnx", "onnxruntime", "opencv-contrib-python-headless", "scipy")


def write_pmpn_checkpoint(out: Path, net: Pmpn, training: PmpnTraining) -> PmpnCheckpoint:
    """Write the folder `out` in one step and return it, its graphs proven in ONNX Runtime.

    Args:
        out: the folder to make; its name becomes the checkpoint's.
        net: with its final weights.
        training: what the manifest says of the making.
    """
    net.set_train(False)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "checkpoint"
        folder.mkdir()
        save_file(weights_of(net), folder / WEIGHTS)
        for tile in TILES:
            export_graph(net, input_shapes(tile.side_px), (OUTPUT,), folder / tile.graph)
            inputs = golden_inputs(tile.side_px, training.seed)
            write_golden(folder / tile.golden, inputs, {OUTPUT: reference_output(net, inputs)})
        versions = tuple(f"{package} {importlib.metadata.version(package)}" for package in _VERSIONS_OF)
        manifest = PmpnManifest(
            FORMAT, out.name, net.config, TILES, training, versions, seal_files(folder, FILES)
        )
        write_pmpn_manifest(folder, manifest)
        PmpnFill.open(folder)  # refuses graphs that differ from MindSpore
        folder.rename(out)
    return load_pmpn_checkpoint(out)


def golden_inputs(side_px: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return made-up inputs of a tile: waves and noise, with holes."""
    generator = np.random.default_rng([seed, 3])
    known = (~free_form_mask(side_px, 0.1, 0.4, generator)).astype(np.float32)
    place = np.arange(side_px) / generator.uniform(3.0, 9.0)
    truth = np.sin(place)[:, None] * np.cos(0.7 * place) + 0.3 * generator.normal(size=(side_px, side_px))
    noise = 0.4 * generator.normal(size=(GUIDES, side_px, side_px)) * (1.0 - known)
    arrays = (truth * known, known, truth + noise)
    shapes = input_shapes(side_px)
    return {
        name: np.asarray(array, np.float32).reshape(shapes[name])
        for name, array in zip(INPUTS, arrays, strict=True)
    }


def reference_output(net: Pmpn, inputs: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return what MindSpore itself answers."""
    answer: NDArray[np.float32] = net(*(ms.Tensor(inputs[name]) for name in INPUTS)).asnumpy()
    return answer
