"""Fills holes with PMPN, served by ONNX Runtime in tiles of fixed sizes. Nothing here imports MindSpore."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.inpainting_net_config import OUTPUT
from models.pmpn_checkpoint import PmpnCheckpoint, load_pmpn_checkpoint
from models.pmpn_inputs import make_guides, network_inputs
from models.runtimes.onnx import OnnxRuntime
from models.runtimes.opening import verify_golden

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_THREADS = 2  # of a tile; a line computer has two cores at least, and waits for the picture


class PmpnFill:
    """A released network that fills one plane of an image at a time.

    Attributes:
        digest: SHA-256 of the checkpoint's manifest.
        largest_px: the longest side that `fill` takes.
    """

    def __init__(self, checkpoint: PmpnCheckpoint) -> None:
        """Load the graphs.

        Raises:
            CheckpointError: a graph does not reproduce its golden answers.
        """
        self.digest = checkpoint.digest
        self._graphs: dict[int, OnnxRuntime] = {}
        for tile in sorted(checkpoint.manifest.tiles, key=lambda tile: tile.side_px):
            graph = OnnxRuntime(checkpoint.folder / tile.graph, _THREADS)
            verify_golden(graph, checkpoint.golden[tile.side_px])
            self._graphs[tile.side_px] = graph
        self.largest_px = max(self._graphs)

    @classmethod
    def open(cls, folder: Path) -> "PmpnFill":
        """Return the network of a checkpoint folder.

        Raises:
            CheckpointError: the folder is no checkpoint of PMPN, or was altered.
        """
        return cls(load_pmpn_checkpoint(folder))

    def fill(self, pixels: Floats, hole: Mask) -> Floats:
        """Return the plane (height, width) 0..1 with its holes filled; known pixels are unchanged.

        The guides are made of the plane as it is; then it is mirrored at its end up to a tile's size.

        Args:
            pixels: (height, width) float32, 0..1; what it holds in holes does not matter.
            hole: (height, width) bool.

        Raises:
            ValueError: nothing is known, or a side is longer than `largest_px`.
            InferenceUnavailable: the runtime failed.
        """
        if max(hole.shape) > self.largest_px:
            raise ValueError(f"the plane is {hole.shape}; expected sides of at most {self.largest_px} px")
        if hole.all():
            raise ValueError("nothing is known to fill from")
        if not hole.any():
            return pixels.copy()
        guides = make_guides(pixels, ~hole)
        height, width = hole.shape
        side = next(side for side in self._graphs if side >= max(hole.shape))
        beyond = ((0, 0), (0, 0), (0, side - height), (0, side - width))
        inputs = {
            name: np.pad(array, beyond, mode="symmetric")
            for name, array in network_inputs(pixels, ~hole, guides).items()
        }
        answer = self._graphs[side].infer(inputs)[OUTPUT][0, 0, :height, :width]
        return np.where(hole, guides.restored(answer), pixels).astype(np.float32)
