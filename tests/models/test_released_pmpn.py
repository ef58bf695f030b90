"""The released filling network: what the station serves, on fabric of the virtual mill."""

import numpy as np
import onnx
import pytest

from models.ascend_half_precision import LARGEST_HALF, HalfPrecisionRuntime
from models.ascend_operators import ascend_problems
from models.filling_methods import fill_telea
from models.gaussian_fill import fill_gaussian
from models.inpainting_net_config import OUTPUT
from models.pmpn_checkpoint import RELEASED_PMPN, TILES, PmpnCheckpoint, load_pmpn_checkpoint
from models.pmpn_fill import PmpnFill
from models.training.fill_scores import score_fill
from models.training.free_form_masks import BINS, free_form_mask
from models.virtual_mill.weaves import render_weave


@pytest.fixture(scope="module")
def released() -> PmpnCheckpoint:
    """The released checkpoint, every byte verified."""
    return load_pmpn_checkpoint(RELEASED_PMPN)


def test_its_manifest_says_what_it_has_not_seen(released: PmpnCheckpoint) -> None:
    training = released.manifest.training
    assert "aitex_tiles/train: f06" in training.held_out
    assert training.gain_db > 0.1
    assert all(
        "/" not in line.split(": ")[0].removeprefix("data/").replace("/", "", 1) for line in training.sets
    )


def test_it_weighs_little_enough_to_be_shipped(released: PmpnCheckpoint) -> None:
    assert sum(path.stat().st_size for path in released.folder.iterdir()) < 20_000_000


def test_its_graphs_keep_to_what_an_ascend_310_is_documented_to_take(released: PmpnCheckpoint) -> None:
    for tile in TILES:
        assert ascend_problems(onnx.load(released.folder / tile.graph)) == []


def test_half_precision_moves_its_golden_answer_little_and_stays_in_range(released: PmpnCheckpoint) -> None:
    tile = TILES[0]
    golden = released.golden[tile.side_px]
    runtime = HalfPrecisionRuntime(onnx.load(released.folder / tile.graph), all_tensors=True)
    answers = runtime.infer(golden.golden_inputs)
    assert max(float(np.abs(array).max()) for array in answers.values()) < LARGEST_HALF
    assert all(np.isfinite(array).all() for array in answers.values())
    # In deviations of the known pixels; a deviation is about 30 of 255 grey levels.
    assert float(np.abs(answers[OUTPUT] - golden.golden_outputs[OUTPUT]).max()) < 2e-2


@pytest.mark.parametrize("least,most", BINS)
def test_on_fabric_it_never_saw_it_keeps_up_with_its_prior_far_above_diffusion(
    released: PmpnCheckpoint, least: float, most: float
) -> None:
    network = PmpnFill(released)
    scores = []
    for seed in range(3):
        generator = np.random.default_rng([7, seed])
        truth = render_weave(generator)
        hole = free_form_mask(256, least, most, generator)
        plane = np.where(hole, 0, truth).astype(np.float32) / np.float32(255.0)
        answers = network.fill(plane, hole), fill_gaussian(plane, ~hole), fill_telea(plane, hole)
        scores.append([score_fill(truth, hole, answer).hole_psnr_db for answer in answers])
    filled, prior, diffused = np.mean(scores, axis=0)
    assert filled > prior - 0.3  # these weaves are drawn, not photographed like what it learnt from
    assert filled > diffused + 2.0
