"""What an interrupted training resumes from: weights, the optimizer's moments and how far it came."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from models.export import load_weights, weights_of
from models.mindspore_import import ms, nn

LAST = "last.safetensors"


def save_state(net: nn.Cell, optimizer: nn.Optimizer, progress: Mapping[str, Any], folder: Path) -> None:
    """Write the state of a training in one step, so that an interruption leaves a whole one."""
    state = {f"net.{name}": array for name, array in weights_of(net).items()}
    state |= {f"optimizer.{one.name}": one.asnumpy() for one in optimizer.get_parameters()}
    save_file(state, folder / "last.tmp", metadata={"progress": json.dumps(dict(progress))})
    (folder / "last.tmp").replace(folder / LAST)


def load_state(net: nn.Cell, optimizer: nn.Optimizer, folder: Path) -> dict[str, Any]:
    """Load what an interrupted training of this network left; return its progress.

    Raises:
        CheckpointError: the state is of another network.
    """
    path = folder / LAST
    state = load_file(path)
    load_weights(net, {key[4:]: array for key, array in state.items() if key.startswith("net.")}, path)
    for parameter in optimizer.get_parameters():
        parameter.set_data(ms.Tensor(state[f"optimizer.{parameter.name}"]))
    with safe_open(path, framework="np") as archive:
        progress: dict[str, Any] = json.loads(archive.metadata()["progress"])
    return progress
