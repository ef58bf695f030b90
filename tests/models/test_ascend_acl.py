import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from fake_acl import DEVICE_MODE, HOST_MODE, FakeAcl

from models.checkpoint import RELEASED, Checkpoint, load_checkpoint
from models.runtimes.ascend_acl import AscendAclRuntime
from models.runtimes.opening import HALF_PRECISION_EVIDENCE_TOLERANCE, HALF_PRECISION_TOLERANCE, open_runtime
from models.runtimes.worker import WorkerLimits, WorkerRuntime
from models.sealed_folder import TensorSpec
from qc_daemon.domain.errors import CheckpointError, InferenceUnavailable

# Every call of opening, serving and closing that returns a code.
OPENING = (
    "init", "rt.set_device", "rt.create_context", "rt.get_run_mode", "mdl.load_from_file", "mdl.create_desc",
    "mdl.get_desc", "mdl.get_input_dims", "mdl.get_output_dims", "mdl.create_dataset", "rt.malloc",
    "create_data_buffer", "mdl.add_dataset_buffer",
)  # fmt: skip
SERVING = ("rt.set_context", "rt.memcpy", "mdl.execute")
CLOSING = (
    "destroy_data_buffer", "rt.free", "mdl.destroy_dataset", "mdl.destroy_desc", "mdl.unload",
    "rt.destroy_context", "rt.reset_device", "finalize",
)  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """The released checkpoint with a "compiled" model beside it, as the stand-in reads it."""
    folder = Path(shutil.copytree(RELEASED, tmp_path_factory.mktemp("ascend") / "isic"))
    shutil.copy(folder / "model.onnx", folder / "model.om")
    return load_checkpoint(folder)


@pytest.fixture
def acl(monkeypatch: pytest.MonkeyPatch) -> FakeAcl:
    return installed(monkeypatch, FakeAcl())


def installed(monkeypatch: pytest.MonkeyPatch, fake: FakeAcl) -> FakeAcl:
    monkeypatch.setitem(sys.modules, "acl", fake)
    return fake


def opened(checkpoint: Checkpoint) -> AscendAclRuntime:
    manifest = checkpoint.manifest
    return AscendAclRuntime(checkpoint.om_path, manifest.inputs, manifest.outputs)


def require_clean(acl: FakeAcl) -> None:
    assert acl.violations == []
    assert acl.leaks() == []


@pytest.mark.parametrize("run_mode", [HOST_MODE, DEVICE_MODE])
def test_it_answers_as_the_network_does_but_for_half_precision(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint, run_mode: int
) -> None:
    acl = installed(monkeypatch, FakeAcl(run_mode))
    runtime = open_runtime(checkpoint, "ascend_acl")
    answers = runtime.infer(checkpoint.golden_inputs)
    deviations = {
        name: float(np.abs(answers[name] - expected).max())
        for name, expected in checkpoint.golden_outputs.items()
        if name != "region_kept"
    }
    assert deviations.pop("window_influence") <= HALF_PRECISION_EVIDENCE_TOLERANCE
    assert max(deviations.values()) <= HALF_PRECISION_TOLERANCE
    assert max(deviations.values()) > 1e-4, "the stand-in should round as the device does"
    assert runtime.describe() == "pyACL, Ascend device 0, model.om"
    runtime.close()
    require_clean(acl)


def test_each_request_is_answered_anew_and_keeps_its_answer(acl: FakeAcl, checkpoint: Checkpoint) -> None:
    runtime = opened(checkpoint)
    first = runtime.infer(checkpoint.golden_inputs)["shares"]
    kept = first.copy()
    other = dict(checkpoint.golden_inputs, signal=-checkpoint.golden_inputs["signal"])
    assert not np.allclose(runtime.infer(other)["shares"], first)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(runtime.infer(checkpoint.golden_inputs)["shares"], first)
    runtime.close()
    require_clean(acl)


def test_another_thread_may_ask_and_another_may_close(acl: FakeAcl, checkpoint: Checkpoint) -> None:
    runtime = opened(checkpoint)
    here = runtime.infer(checkpoint.golden_inputs)["shares"]
    there = in_another_thread(lambda: runtime.infer(checkpoint.golden_inputs)["shares"])
    np.testing.assert_array_equal(there, here)
    in_another_thread(runtime.close)
    require_clean(acl)


def in_another_thread(work: Callable[[], object]) -> object:
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    thread.join()
    assert done, "the thread ended with an error"
    return done[0]


@pytest.mark.parametrize("name", OPENING)
def test_a_call_that_fails_while_opening_is_named_and_everything_given_back(
    acl: FakeAcl, checkpoint: Checkpoint, name: str
) -> None:
    acl.fail(name, 507899)
    with pytest.raises(InferenceUnavailable, match=rf"acl\.{name} (returned 507899|made nothing)") as caught:
        opened(checkpoint)
    assert "\n" not in str(caught.value)
    require_clean(acl)


@pytest.mark.parametrize("call", [1, 3, 4, 11])
def test_memory_that_runs_out_at_any_buffer_leaves_nothing_behind(
    acl: FakeAcl, checkpoint: Checkpoint, call: int
) -> None:
    acl.fail("rt.malloc", 207001, call=call)
    with pytest.raises(InferenceUnavailable, match=r"acl\.rt\.malloc returned 207001.*too little memory"):
        opened(checkpoint)
    require_clean(acl)


@pytest.mark.parametrize("name", SERVING)
def test_a_request_that_fails_says_why_and_the_next_one_is_answered(
    acl: FakeAcl, checkpoint: Checkpoint, name: str
) -> None:
    runtime = opened(checkpoint)
    acl.fail(name, 507011)
    with pytest.raises(InferenceUnavailable, match=rf"acl\.{name} returned 507011.*internal fault"):
        runtime.infer(checkpoint.golden_inputs)
    assert runtime.infer(checkpoint.golden_inputs)["shares"].shape == (1, len(checkpoint.manifest.fibres))
    runtime.close()
    require_clean(acl)


@pytest.mark.parametrize("name", CLOSING)
def test_a_release_that_fails_is_reported_and_the_others_still_happen(
    acl: FakeAcl, checkpoint: Checkpoint, name: str
) -> None:
    runtime = opened(checkpoint)
    acl.fail(name, 507033)
    with pytest.raises(InferenceUnavailable, match=rf"acl\.{name} returned 507033"):
        runtime.close()
    for other in CLOSING:
        assert other in acl.calls
    assert len(acl.leaks()) == 1


def test_the_device_is_given_back_in_reverse_order(acl: FakeAcl, checkpoint: Checkpoint) -> None:
    runtime = opened(checkpoint)
    before = len(acl.calls)
    runtime.close()
    order = list(dict.fromkeys(acl.calls[before:]))
    assert order[0] == "rt.set_context"
    assert order[-4:] == ["mdl.unload", "rt.destroy_context", "rt.reset_device", "finalize"]
    assert order.index("destroy_data_buffer") < order.index("mdl.destroy_dataset")
    runtime.close()
    assert len(acl.calls) == before + len(acl.calls[before:])
    with pytest.raises(InferenceUnavailable, match="was closed"):
        runtime.infer(checkpoint.golden_inputs)


def test_a_model_with_other_inputs_or_outputs_is_refused(acl: FakeAcl, checkpoint: Checkpoint) -> None:
    manifest = checkpoint.manifest
    count = len(manifest.outputs)
    wider = TensorSpec("signal", (1, 2, 161), "float32")
    halved = TensorSpec("shares", manifest.outputs[1].shape, "float16")
    cases = (
        ((wider, *manifest.inputs[1:]), manifest.outputs, r"input 0 is float32 \(1, 2, 160\).*signal"),
        (manifest.inputs[:2], manifest.outputs, r"has 3 inputs, expected 2"),
        (manifest.inputs, (manifest.outputs[0], halved, *manifest.outputs[2:]), "output 1.*float16"),
        (manifest.inputs, manifest.outputs[:-1], f"has {count} outputs, expected {count - 1}"),
    )
    for inputs, outputs, message in cases:
        with pytest.raises(CheckpointError, match=message):
            AscendAclRuntime(checkpoint.om_path, inputs, outputs)
        require_clean(acl)


def test_an_input_of_another_shape_never_reaches_the_device(acl: FakeAcl, checkpoint: Checkpoint) -> None:
    runtime = opened(checkpoint)
    wrong = dict(checkpoint.golden_inputs, signal=np.zeros((1, 2, 159), np.float32))
    with pytest.raises(InferenceUnavailable, match=r"signal is shape \(1, 2, 159\), expected"):
        runtime.infer(wrong)
    assert "rt.memcpy" not in acl.calls
    runtime.close()


def test_a_compiled_model_that_answers_otherwise_does_not_serve(
    acl: FakeAcl, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint.folder, tmp_path / "isic"))
    folder.joinpath("model.om").write_bytes(another_models_graph(checkpoint))
    with pytest.raises(CheckpointError, match=r"pyACL.*differs by .* expected at most 0\.02"):
        open_runtime(load_checkpoint(folder), "ascend_acl")
    require_clean(acl)


def another_models_graph(checkpoint: Checkpoint) -> bytes:
    """The graph with the weights of one layer halved: same shapes, other answers."""
    model = onnx.load(checkpoint.onnx_path)
    name = next(one.name for one in model.graph.initializer if "anchor" in one.name and len(one.dims) == 2)
    weights = next(one for one in model.graph.initializer if one.name == name)
    halved = onnx.numpy_helper.to_array(weights) / 2
    weights.CopyFrom(onnx.numpy_helper.from_array(halved, name))
    content: bytes = model.SerializeToString()
    return content


def test_without_a_compiled_model_it_says_how_to_make_one(acl: FakeAcl, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RELEASED, tmp_path / "isic"))
    with pytest.raises(CheckpointError, match=r"model\.om: not found; .*export NAME --format om"):
        open_runtime(load_checkpoint(folder), "ascend_acl")
    assert acl.calls == []


def test_without_pyacl_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint
) -> None:
    monkeypatch.setitem(sys.modules, "acl", None)
    with pytest.raises(InferenceUnavailable, match=r"pyACL cannot be imported.*CANN 8\.0\.0"):
        open_runtime(checkpoint, "ascend_acl")


STAND_IN = """
import atexit, sys
from pathlib import Path
from fake_acl import FakeAcl

acl = sys.modules[__name__] = FakeAcl()
atexit.register(lambda: Path({report!r}).write_text(repr((acl.violations, acl.leaks()))))
"""


def test_the_worker_process_serves_it_and_gives_the_device_back(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report"
    (tmp_path / "acl.py").write_text(STAND_IN.format(report=str(report)))
    monkeypatch.syspath_prepend(tmp_path)  # a spawned child gets this path, too
    with WorkerRuntime(checkpoint.folder, "ascend_acl", WorkerLimits(close_s=60.0)) as worker:
        answers = worker.infer(checkpoint.golden_inputs)
        assert worker.describe() == "pyACL, Ascend device 0, model.om in a worker process"
    expected = checkpoint.golden_outputs["shares"]
    np.testing.assert_allclose(answers["shares"], expected, atol=HALF_PRECISION_TOLERANCE)
    assert report.read_text() == "([], [])"


def test_the_worker_process_says_that_there_is_no_pyacl(checkpoint: Checkpoint) -> None:
    with pytest.raises(InferenceUnavailable, match="pyACL cannot be imported"):
        WorkerRuntime(checkpoint.folder, "ascend_acl")


def test_the_stand_in_notices_what_the_pages_forbid(checkpoint: Checkpoint) -> None:
    acl = FakeAcl()
    assert acl.rt.set_device(0) == 100001
    assert acl.init() == 0
    assert acl.init() == 100002
    assert acl.rt.malloc(16, 2) == (0, 107002), "no context"
    context, _ = acl.rt.create_context(0)
    address, code = acl.rt.malloc(16, 2)
    assert code == 0
    content = bytes(range(16))
    pointer = acl.util.bytes_to_ptr(content)
    assert acl.rt.memcpy(address, 16, pointer, 17, 1) != 0, "beyond the memory"
    assert acl.rt.memcpy(address, 16, pointer, 16, 2) != 0, "of the wrong kind"
    assert acl.rt.memcpy(address, 16, pointer, 16, 1) == 0
    del content
    assert acl.rt.memcpy(address, 16, pointer, 16, 1) != 0, "from bytes that are gone"
    assert acl.rt.free(address) == 0
    assert acl.rt.free(address) != 0, "twice"
    assert acl.rt.destroy_context(context) == 0
    assert acl.leaks() == ["acl itself"]
    assert len(acl.violations) == 4
