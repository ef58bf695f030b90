"""PMPN from folders of pictures to a sealed checkpoint that serves, on weaves and fibres of the mill."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from models.ascend_operators import ascend_problems
from models.inpainting_net import Pmpn
from models.inpainting_net_config import PmpnConfig
from models.mindspore_import import ms
from models.pmpn_checkpoint import TILES, load_pmpn_checkpoint
from models.pmpn_fill import PmpnFill
from models.training.fill_scores import score_fill
from models.training.free_form_masks import BINS, free_form_mask
from models.training.inpainting_examples import CROP_PX, draw_batch, load_pool
from models.training.inpainting_fitting import METRICS, FillingSettings, learning_step
from models.training.inpainting_images import find_images, read_grey, split_by_group
from models.training.train_inpainting_net import HELD_SHARE, PoolSizes, train_inpainting_net
from models.virtual_mill.micrographs import render_micrograph
from models.virtual_mill.weaves import render_weave
from qc_daemon.cli import main
from qc_daemon.domain.errors import CheckpointError, DatasetError, InputError

SETTINGS = FillingSettings(seed=3, epochs=2, batch=2, steps=2)
TINY = PmpnConfig(width=8, levels=4, bicsp=False)


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def _status(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four fabrics and three fields of fibres."""
    folder = tmp_path_factory.mktemp("pictures")
    for fabric in range(4):
        for strip in range(2):
            pixels = render_weave(np.random.default_rng([fabric, strip]))
            _write(folder / "weaves" / f"f{fabric}_{strip:04d}.png", pixels)
    for field in range(3):
        micrograph = render_micrograph({"cotton": 0.6, "polyester": 0.4}, np.random.default_rng(field), 256)
        _write(folder / "fibres" / f"slide-{field}_1.png", micrograph.pixels)
    return folder


@pytest.fixture(scope="module")
def checkpoint(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that was trained on them for a moment."""
    out = tmp_path_factory.mktemp("trained") / "tiny"
    told: list[str] = []
    train_inpainting_net(
        [pictures], out, settings=SETTINGS, tell=told.append, config=TINY, sizes=PoolSizes(6, 4)
    )
    assert told[-1].startswith("epoch 2")
    return out


def test_a_group_is_a_fabric_code_or_a_name_without_its_counter(pictures: Path) -> None:
    groups = {image.group for image in find_images(pictures)}
    assert groups == {"weaves/f0", "weaves/f1", "weaves/f2", "weaves/f3", "fibres/slide-0", "fibres/slide-1",
                      "fibres/slide-2"}  # fmt: skip


def test_a_fabric_is_on_one_side_of_the_split_only(pictures: Path) -> None:
    training, held = split_by_group(find_images(pictures), 1, 0.3)
    assert {image.group for image in training}.isdisjoint({image.group for image in held})
    assert len({image.group for image in held}) == 2


@pytest.mark.parametrize("least,most", BINS)
def test_a_mask_lies_in_its_bin_and_comes_again_from_its_seed(least: float, most: float) -> None:
    for seed in range(12):
        mask = free_form_mask(96, least, most, np.random.default_rng(seed))
        assert least < mask.mean() <= most
        np.testing.assert_array_equal(mask, free_form_mask(96, least, most, np.random.default_rng(seed)))


def test_training_keeps_its_tiles_metrics_and_what_it_was_made_of(checkpoint: Path, pictures: Path) -> None:
    work = checkpoint.with_name("tiny.training")
    lines = [json.loads(line) for line in (work / METRICS).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert lines[0]["gain_db"] == 0.0
    training = load_pmpn_checkpoint(checkpoint).manifest.training
    assert (training.tiles, training.seed, training.epochs) == (6, 3, 2)
    _, held = split_by_group(find_images(pictures), SETTINGS.seed, HELD_SHARE)
    assert {entry.split(": ")[1] for entry in training.held_out} == {image.group for image in held}
    batch = draw_batch(load_pool(work / "training.npz"), 3, np.random.default_rng(0))
    assert batch.guides.shape == (3, 3, CROP_PX, CROP_PX)
    seen = np.broadcast_to(batch.mask == 1.0, batch.truth.shape)
    np.testing.assert_allclose(batch.known[seen], batch.truth[seen], atol=1e-6)
    np.testing.assert_allclose(batch.guides[:, :1][seen], batch.truth[seen], atol=1e-6)


def test_a_finished_training_that_is_resumed_gives_the_same_weights(checkpoint: Path, pictures: Path) -> None:
    again = checkpoint.with_name("again")
    checkpoint.with_name("tiny.training").rename(again.with_name("again.training"))
    train_inpainting_net([pictures], again, settings=SETTINGS, tell=print, config=TINY, sizes=PoolSizes(6, 4))
    again.with_name("again.training").rename(checkpoint.with_name("tiny.training"))
    first, second = ((folder / "weights.safetensors").read_bytes() for folder in (checkpoint, again))
    assert first == second


def test_it_fills_holes_of_any_size_of_plane_and_leaves_known_pixels_bit_for_bit(checkpoint: Path) -> None:
    network = PmpnFill.open(checkpoint)
    for height, width in ((61, 97), (128, 256), (17, 200)):
        plane = (render_weave(np.random.default_rng(9))[:height, :width] / 255.0).astype(np.float32)
        hole = np.zeros((height, width), bool)
        hole[5:12, 10:40] = True
        filled = network.fill(np.where(hole, np.float32(0.0), plane), hole)
        assert (filled.shape, filled.dtype) == (plane.shape, np.float32)
        np.testing.assert_array_equal(filled[~hole], plane[~hole])
        assert filled[hole].std() > 0.0
        assert 0.0 <= filled.min() <= filled.max() <= 1.0
        np.testing.assert_array_equal(filled, network.fill(np.where(hole, np.float32(1.0), plane), hole))


def test_it_says_what_it_cannot_fill(checkpoint: Path) -> None:
    network = PmpnFill.open(checkpoint)
    plane = np.full((64, 64), 0.25, np.float32)
    np.testing.assert_array_equal(network.fill(plane, np.zeros((64, 64), bool)), plane)
    with pytest.raises(ValueError, match="nothing is known"):
        network.fill(plane, np.ones((64, 64), bool))
    with pytest.raises(ValueError, match="at most 256"):
        network.fill(np.zeros((300, 64), np.float32), np.eye(300, 64, dtype=bool))


def test_its_graphs_keep_to_what_an_ascend_310_is_documented_to_take(checkpoint: Path) -> None:
    for tile in TILES:
        assert ascend_problems(onnx.load(checkpoint / tile.graph)) == []


def test_an_altered_checkpoint_is_refused_by_name(checkpoint: Path, tmp_path: Path) -> None:
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    graph = tmp_path / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b" ")
    with pytest.raises(CheckpointError, match=r"model\.onnx: SHA-256"):
        PmpnFill.open(tmp_path)


def test_training_refuses_what_it_cannot_learn_from(pictures: Path, tmp_path: Path) -> None:
    def train(folder: Path, out: Path) -> None:
        train_inpainting_net([folder], out, settings=SETTINGS, tell=print)

    with pytest.raises(DatasetError, match="holds no image"):
        train(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="exists"):
        train(pictures, tmp_path)
    _write(tmp_path / "one" / "f1_1.png", np.zeros((64, 64), np.uint8))
    with pytest.raises(DatasetError, match="too few groups"):
        train(tmp_path / "one", tmp_path / "out")
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / "broken").mkdir(exist_ok=True)
        (tmp_path / "broken" / name).write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"\.png: cannot be read"):
        train(tmp_path / "broken", tmp_path / "out")


def test_a_picture_of_16_bits_is_read_as_one_of_8(tmp_path: Path) -> None:
    pixels = render_weave(np.random.default_rng(1), 64)
    _write(tmp_path / "eight.png", pixels)
    _write(tmp_path / "sixteen.tiff", pixels.astype(np.uint16) * 257)
    eight, sixteen = (read_grey(tmp_path / name) for name in ("eight.png", "sixteen.tiff"))
    np.testing.assert_allclose(eight, sixteen, atol=1e-6)


def test_scores_look_at_the_holes_only() -> None:
    truth = render_weave(np.random.default_rng(2), 64)
    hole = np.zeros((64, 64), bool)
    hole[:16] = True
    answer = np.where(hole, truth + 5.0, 0.0).astype(np.float32) / 255.0
    score = score_fill(truth, hole, answer)
    assert score.hole_psnr_db == pytest.approx(20 * np.log10(255 / 5), abs=0.05)
    assert score.composite_psnr_db == pytest.approx(score.hole_psnr_db + 10 * np.log10(4.0), abs=1e-6)
    assert score_fill(truth, hole, (truth / 255.0).astype(np.float32)).ssim == pytest.approx(1.0)


def test_the_command_evaluates_every_method_in_every_bin(
    checkpoint: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = cv2.imread(str(pictures / "weaves" / "f0_0000.png"), cv2.IMREAD_GRAYSCALE)
    _write(tmp_path / "f0.png", pixels[:80, :100])
    where = ["--checkpoint", str(checkpoint), "--data", str(tmp_path)]
    assert _status(["evaluate", "inpainting", *where, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["model"], row["split"]) for row in rows[::3]] == [
        (name, "(0, 30] %") for name in ("pmpn", "gaussian", "fsr", "telea")
    ]
    assert len(rows) == 12
    assert all(row["n_images"] == 1 and row["seconds"] > 0.0 for row in rows)
    fill, telea = (next(row for row in rows if row["model"] == name) for name in ("gaussian", "telea"))
    assert fill["hole_psnr_db"] > telea["hole_psnr_db"]


def test_commands_say_in_one_line_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "missing")
    arguments = ["evaluate", "inpainting", "--checkpoint", missing, "--data", missing]
    assert _status(arguments) == 2
    assert "expected a checkpoint" in capsys.readouterr().err
    assert _status(["train", "inpainting", "--data", missing, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "expected a folder of images" in error
    assert len(error.strip().splitlines()) == 1


def test_in_a_second_stage_a_step_teaches_the_adversary_and_the_network() -> None:
    ms.set_seed(1)
    net = Pmpn(replace(TINY, streams=1, cca=False, cpi=False))
    settings = replace(SETTINGS, losses=replace(SETTINGS.losses, colour=0.0, adversarial=0.1))
    _, step = learning_step(net, settings)
    generator = np.random.default_rng(1)
    guides = generator.random((1, 3, 32, 32)).astype(np.float32)
    known = mask = np.zeros((1, 1, 32, 32), np.float32)
    truth = guides[:, :1] + np.float32(0.5)  # a brightness off by the same everywhere is soon learnt
    losses = [step(1e-3, known, mask, guides, truth, truth) for _ in range(8)]
    assert losses[-1] < losses[0]
