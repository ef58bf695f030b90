import json
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from tiny_isic import tiny_checkpoint

from models.checkpoint import RELEASED, load_checkpoint, write_manifest
from models.parity import compare_runtimes
from models.sealed_folder import seal_files
from qc_daemon.cli import main


def test_mindspore_and_onnx_agree_and_both_are_timed() -> None:
    parity = compare_runtimes(tiny_checkpoint(), drawn=4)
    assert parity.ok
    assert parity.inputs == 5
    assert {one.output for one in parity.outputs} == set(tiny_checkpoint().golden_outputs)
    assert parity.mindspore_ms > 0
    assert parity.onnx_ms > 0


def test_a_graph_that_left_its_network_ends_with_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint().folder, tmp_path / "station" / "models" / "tiny"))
    nudge_a_weight(folder / "model.onnx")
    manifest = tiny_checkpoint().manifest
    files = seal_files(folder, tuple(seal.name for seal in manifest.files))
    write_manifest(folder, replace(manifest, files=files))
    with pytest.raises(SystemExit) as ended:
        main(["models", "parity", "tiny", "--station", str(tmp_path / "station"), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert document["ok"] is False
    shares = next(one for one in document["outputs"] if one["output"] == "shares")
    assert shares["difference"] > document["tolerance"]
    assert shares["mindspore_from_golden"] <= document["tolerance"]


def nudge_a_weight(path: Path) -> None:
    model = onnx.load(path)
    weights = next(one for one in model.graph.initializer if one.name.endswith("anchor.bias"))
    shifted = onnx.numpy_helper.to_array(weights) * 1.01
    weights.CopyFrom(onnx.numpy_helper.from_array(shifted.astype("float32"), weights.name))
    path.chmod(0o600)
    onnx.save(model, path)


def test_the_released_network_answers_alike_in_both() -> None:
    assert compare_runtimes(load_checkpoint(RELEASED), drawn=4).ok
