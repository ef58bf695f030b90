import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_isic import tiny_checkpoint

from models.checkpoint import GOLDEN, load_checkpoint, write_manifest
from models.composition_predictor import network_inputs
from models.runtimes.opening import open_runtime
from models.runtimes.runtime import Tensors
from models.runtimes.worker import WorkerLimits, WorkerRuntime
from models.sealed_folder import MANIFEST, seal_files
from qc_daemon.domain.errors import CheckpointError, InferenceUnavailable


def drawn_inputs(seed: int) -> Tensors:
    config = tiny_checkpoint().manifest.config
    generator = np.random.default_rng(seed)
    signal_channels = generator.standard_normal((1, 2, config.bands), dtype=np.float32)
    side = config.image_px
    plane = generator.standard_normal((1, 1, side, side), dtype=np.float32)
    return network_inputs(config, signal_channels, plane if seed % 2 else None)


def wait_until(true: Callable[[], bool], limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Tell whether a process has ended; a zombie that waits for its parent has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return True
    return state == "Z"


@pytest.fixture
def worker() -> Iterator[WorkerRuntime]:
    with WorkerRuntime(tiny_checkpoint().folder) as runtime:
        yield runtime


def test_onnx_and_mindspore_agree() -> None:
    checkpoint = tiny_checkpoint()
    served, reference = open_runtime(checkpoint, "onnx"), open_runtime(checkpoint, "mindspore")
    for seed in range(8):
        ours, theirs = served.infer(drawn_inputs(seed)), reference.infer(drawn_inputs(seed))
        assert set(ours) == set(theirs)
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-5, err_msg=name)
    assert "onnxruntime" in served.describe()
    assert "mindspore" in reference.describe()


@pytest.mark.parametrize("kind", ["onnx", "mindspore"])
def test_a_runtime_that_disagrees_with_the_golden_outputs_refuses_to_serve(tmp_path: Path, kind: str) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint().folder, tmp_path / "copy"))
    golden = dict(np.load(folder / GOLDEN))
    golden["out.shares"] = golden["out.shares"] + np.float32(3e-4)
    np.savez(folder / GOLDEN, **golden)
    manifest = tiny_checkpoint().manifest
    names = tuple(seal["name"] for seal in json.loads((folder / MANIFEST).read_text())["files"])
    write_manifest(folder, type(manifest)(**{**fields_of(manifest), "files": seal_files(folder, names)}))
    with pytest.raises(CheckpointError, match=r"differs by 0\.0003 in shares"):
        open_runtime(load_checkpoint(folder), kind)


def fields_of(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}  # type: ignore[attr-defined]


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(CheckpointError, match="expected one of onnx, mindspore"):
        open_runtime(tiny_checkpoint(), "abacus")


def test_inputs_that_the_graph_does_not_know_are_an_inference_error() -> None:
    with pytest.raises(InferenceUnavailable, match="onnxruntime"):
        open_runtime(tiny_checkpoint(), "onnx").infer({"signal": np.zeros((1, 2, 3), np.float32)})


def test_the_worker_answers_as_the_runtime_does(worker: WorkerRuntime) -> None:
    direct = open_runtime(tiny_checkpoint(), "onnx")
    for seed in range(3):
        ours, theirs = worker.infer(drawn_inputs(seed)), direct.infer(drawn_inputs(seed))
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name])
    assert worker.describe() == f"{direct.describe()} in a worker process"


def test_a_worker_that_was_killed_is_replaced_and_the_request_answered(worker: WorkerRuntime) -> None:
    before = worker.infer(drawn_inputs(1))
    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    after = worker.infer(drawn_inputs(1))
    assert worker.pid != first
    np.testing.assert_array_equal(before["shares"], after["shares"])


def test_a_worker_that_hangs_is_killed_and_replaced() -> None:
    with WorkerRuntime(tiny_checkpoint().folder, limits=WorkerLimits(request_s=1.0)) as worker:
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        assert worker.infer(drawn_inputs(1))["shares"].shape == (1, 3)
        assert worker.pid != first
        wait_until(lambda: gone(first))


def test_restarts_are_budgeted_and_the_budget_returns_with_time() -> None:
    now = [0.0]
    limits = WorkerLimits(restarts=1, restart_window_s=60.0)
    with WorkerRuntime(tiny_checkpoint().folder, limits=limits, monotonic_s=lambda: now[0]) as worker:
        kill(worker)
        worker.infer(drawn_inputs(1))
        kill(worker)
        with pytest.raises(InferenceUnavailable, match="1 restarts within 60 s are used up"):
            worker.infer(drawn_inputs(1))
        now[0] = 61.0
        assert worker.infer(drawn_inputs(1))["shares"].shape == (1, 3)


def kill(worker: WorkerRuntime) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)


def test_a_worker_that_has_grown_too_large_is_replaced_after_its_answer() -> None:
    limits = WorkerLimits(max_rss_mb=1.0, restarts=0)
    with WorkerRuntime(tiny_checkpoint().folder, limits=limits) as worker:
        first = worker.pid
        assert worker.infer(drawn_inputs(1))["shares"].shape == (1, 3)
        assert worker.pid != first


def test_a_bad_checkpoint_is_reported_at_the_start(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint().folder, tmp_path / "copy"))
    (folder / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(CheckpointError, match=r"model\.onnx"):
        WorkerRuntime(folder)


def test_the_child_ends_when_its_parent_is_killed() -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from models.runtimes.worker import WorkerRuntime\n"
        "if __name__ == '__main__':\n"
        "    worker = WorkerRuntime(Path(sys.argv[1]))\n"
        "    print(worker.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    arguments = [sys.executable, "-c", code, str(tiny_checkpoint().folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
        parent.wait()
    wait_until(lambda: gone(child))
