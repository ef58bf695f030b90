"""A checkpoint of PMPN: a sealed folder with weights, a graph for each tile size, and golden answers.

    weights.safetensors           for training and the reference runtime
    model.onnx, model-128.onnx    static shapes, one tile at a time: what a station serves
    golden.npz, golden-128.npz    inputs and the outputs that every runtime has to reproduce

Nothing here imports MindSpore.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from models.inpainting_net_config import OUTPUT, PmpnConfig, input_shapes
from models.sealed_folder import (
    MANIFEST,
    Arrays,
    FileSeal,
    TensorSpec,
    parse_manifest,
    read_contents,
    read_golden,
    read_manifest,
    write_sealed,
)

FORMAT = "pmpn checkpoint 1"
RELEASED_PMPN = Path(__file__).parent / "weights" / "pmpn-1"  # what this version of the software ships
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class TileGraph:
    """The graph for square tiles of one size, and its golden answers: names of files of the folder."""

    side_px: int
    graph: str
    golden: str


TILES = (TileGraph(128, "model-128.onnx", "golden-128.npz"), TileGraph(256, "model.onnx", "golden.npz"))
FILES = (WEIGHTS, *(name for tile in TILES for name in (tile.graph, tile.golden)))


@dataclass(frozen=True, slots=True)
class PmpnTraining:
    """What the network was made from.

    Attributes:
        sets: one line a folder: its name, groups and images that were learnt from.
        held_out: the groups that watched the training and that it did not learn from, "folder: group".
        tiles: of the pool that crops were cut from.
        epochs: that were run; best_epoch is the one whose weights these are.
        gain_db: of hole PSNR over the classical fill that the network corrects, on what was held out.
        minutes: of wall time.
    """

    sets: tuple[str, ...]
    held_out: tuple[str, ...]
    tiles: int
    seed: int
    epochs: int
    best_epoch: int
    gain_db: float
    minutes: float


@dataclass(frozen=True, slots=True)
class PmpnManifest:
    """All that is said of a checkpoint; `versions` are lines such as "mindspore 2.10.0"."""

    format: str
    name: str
    config: PmpnConfig
    tiles: tuple[TileGraph, ...]
    training: PmpnTraining
    versions: tuple[str, ...]
    files: tuple[FileSeal, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GoldenTile:
    """What a tile's graph is asked and has to answer, by tensor name."""

    folder: Path
    golden_inputs: Arrays
    golden_outputs: Arrays


@dataclass(frozen=True, slots=True, eq=False)
class PmpnCheckpoint:
    """A verified checkpoint folder.

    Attributes:
        digest: SHA-256 of the manifest: the version that a cleaned image stores.
        golden: by side of the tile in pixels.
    """

    folder: Path
    digest: str
    manifest: PmpnManifest
    golden: Mapping[int, GoldenTile]


_ADAPTER = TypeAdapter(PmpnManifest)


def load_pmpn_checkpoint(folder: Path) -> PmpnCheckpoint:
    """Load a checkpoint after verifying every byte of it.

    Raises:
        CheckpointError: names the file and what was expected of it.
    """
    text, digest = read_manifest(folder)
    manifest: PmpnManifest = parse_manifest(_ADAPTER, text, folder / MANIFEST, FORMAT)
    contents = read_contents(folder, manifest.files, FILES)
    golden = {
        tile.side_px: GoldenTile(
            folder,
            *read_golden(folder / tile.golden, contents[tile.golden], *tile_specs(tile.side_px)),
        )
        for tile in manifest.tiles
    }
    return PmpnCheckpoint(folder, digest, manifest, golden)


def write_pmpn_manifest(folder: Path, manifest: PmpnManifest) -> str:
    """Write the manifest and its seal; return the digest."""
    return write_sealed(folder, _ADAPTER.dump_json(manifest, indent=1) + b"\n")


def tile_specs(side_px: int) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return inputs and outputs of the graph for tiles of this side."""
    inputs = tuple(TensorSpec(name, shape, "float32") for name, shape in input_shapes(side_px).items())
    return inputs, (TensorSpec(OUTPUT, (1, 1, side_px, side_px), "float32"),)
