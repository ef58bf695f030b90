import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tiny_isic import tiny_checkpoint, tiny_config

from models.checkpoint import WEIGHTS, load_checkpoint
from models.export import load_weights, weights_of
from models.isic_net import IsicNet
from models.sealed_folder import MANIFEST, SEAL
from qc_daemon.domain.errors import CheckpointError

FILES = (
    "manifest.json", "manifest.sha256", "weights.safetensors", "model.onnx", "model.mindir",
    "calibration.npz", "golden.npz",
)  # fmt: skip


def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint().folder, tmp_path / "copy"))


def resealed(folder: Path, text: bytes) -> None:
    """Write another manifest with a seal that fits, as someone who knows the format could."""
    (folder / MANIFEST).write_bytes(text)
    (folder / SEAL).write_text(f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n")


def test_a_checkpoint_loads_and_its_version_is_the_digest_of_its_manifest() -> None:
    checkpoint = tiny_checkpoint()
    text = (checkpoint.folder / MANIFEST).read_bytes()
    assert checkpoint.digest == hashlib.sha256(text).hexdigest()
    assert {path.name for path in checkpoint.folder.iterdir()} == set(FILES)
    assert checkpoint.manifest.fibres == ("hemp", "jute", "silk")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_single_flipped_bit_is_refused_and_its_file_named(
    tmp_path: Path, name: str, place: float, bit: int
) -> None:
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    copied(tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    (folder / name).write_bytes(content)
    named = SEAL if name in {MANIFEST, SEAL} else name
    with pytest.raises(CheckpointError, match=named):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


def test_a_folder_that_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=MANIFEST) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_key_of_the_manifest_is_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["config"]["depth"] = 3
    resealed(folder, json.dumps(manifest).encode())
    with pytest.raises(CheckpointError, match=r"config\.depth"):
        load_checkpoint(folder)


def test_a_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["format"] = "something else"
    resealed(folder, json.dumps(manifest).encode())
    with pytest.raises(CheckpointError, match="something else"):
        load_checkpoint(folder)


def test_weights_load_by_exactly_their_names_and_shapes() -> None:
    path = tiny_checkpoint().folder / WEIGHTS
    weights = load_file(path)
    net = IsicNet(tiny_config())
    load_weights(net, weights, path)
    for name, array in weights_of(net).items():
        np.testing.assert_array_equal(array, weights[name])
    with pytest.raises(CheckpointError, match=r"anchor\.bias is missing"):
        load_weights(net, {k: v for k, v in weights.items() if k != "anchor.bias"}, path)
    with pytest.raises(CheckpointError, match="extra is not of this network"):
        load_weights(net, {**weights, "extra": np.zeros(3, np.float32)}, path)
    with pytest.raises(CheckpointError, match=r"anchor\.bias has shape"):
        load_weights(net, {**weights, "anchor.bias": np.zeros(7, np.float32)}, path)
