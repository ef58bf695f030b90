"""Hands out a checkpoint's graph in the format of another program, with SHA-256 sums.

Graphs are files of the checkpoint, verified when it was loaded, so nothing here needs MindSpore.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from models.ascend_conversion import compile_here, write_conversion
from models.ascend_operators import require_ascend_graph
from models.checkpoint import MINDIR, OM, ONNX, Checkpoint
from models.sealed_folder import FileSeal, seal_files
from qc_daemon.domain.errors import CheckpointError, InputError

GraphFormat = Literal["onnx", "mindir", "om"]
SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        files: their names below `folder` and their SHA-256.
        compiled: False if model.om is still to be made, on a computer with atc.
    """

    folder: Path
    files: tuple[FileSeal, ...]
    compiled: bool


def export_checkpoint(checkpoint: Checkpoint, graph_format: GraphFormat, folder: Path) -> Exported:
    """Write the graph into a folder, for "om" with what compiles it.

    Raises:
        CheckpointError: the checkpoint has no such graph, or it is not one for an Ascend 310.
        InputError: the folder cannot be written.
        QcError: the compiler is here and failed.
    """
    graph = MINDIR if graph_format == "mindir" else ONNX
    if all(seal.name != graph for seal in checkpoint.manifest.files):
        raise CheckpointError(f"{checkpoint.folder}: holds no {graph}; expected a checkpoint that lists it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkpoint.folder / graph, folder / graph)
        names: tuple[str, ...] = (graph,)
        compiled = True
        if graph_format == "om":
            require_ascend_graph(onnx.load(folder / graph), folder / graph)
            names += write_conversion(checkpoint, folder)
            compiled = compile_here(folder)
            names += (OM,) if compiled else ()
        files = seal_files(folder, names)
        sums = "".join(f"{seal.sha256}  {seal.name}\n" for seal in files)
        (folder / SUMS).write_text(sums, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
    return Exported(folder, files, compiled)
