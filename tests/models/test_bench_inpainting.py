"""The comparison of fills on small folders: its figures, its resuming, its place in the docs."""

import cv2
import numpy as np
import pytest

from benchmarks.docs_section import put_section
from benchmarks.inpainting import __main__ as bench
from benchmarks.inpainting.contestants import Contestant
from benchmarks.inpainting.pictures import Case, cases
from benchmarks.inpainting.results import read_results
from benchmarks.inpainting.scores import score
from benchmarks.inpainting.tasks import ABSENT, IGNORED, period_px, weave_periods
from models.filling_methods import fill_telea


def weave(period_px=12.5, seed=0, side=256):
    rows, columns = np.arange(side)[:, None], np.arange(side)[None, :]
    level = 0.5 + 0.2 * np.cos(2 * np.pi * columns / period_px) + 0.1 * np.sin(rows * 0.8)
    noisy = level + np.random.default_rng(seed).normal(0.0, 0.02, (side, side))
    return (noisy.clip(0, 1) * 255).astype(np.uint8)


@pytest.fixture
def data(tmp_path):
    for kind, names in (
        ("aitex_tiles", ("f00_1_c1", "f01_1_c1", "f02_1_c1")),
        ("nanofiber_sem", ("a-1", "b-1", "c-1")),
    ):
        (tmp_path / kind / "train").mkdir(parents=True)
        for seed, name in enumerate(names):
            cv2.imwrite(str(tmp_path / kind / "train" / f"{name}.png"), weave(seed=seed))
    return tmp_path


def case_of(truth, bin_index=0):
    hole = np.zeros(truth.shape, bool)
    hole[40:80, 60:100] = True
    return Case("fabric", "one.png", "f00", bin_index, truth, hole)


def test_scores_are_those_computed_by_hand():
    case = case_of(np.full((256, 256), 100, np.uint8))
    wrong_by_ten = score("m", lambda plane, _hole: np.full_like(plane, 110 / 255), case)
    assert wrong_by_ten.hole_psnr_db == pytest.approx(10 * np.log10(255**2 / 100))
    share = case.hole.mean()
    assert wrong_by_ten.composite_psnr_db == pytest.approx(10 * np.log10(255**2 / (100 * share)))
    assert 0.0 < wrong_by_ten.ssim < 1.0


def test_a_method_is_not_shown_the_truth_under_the_holes():
    case = case_of(weave())
    seen = []
    score("m", lambda plane, hole: seen.append(plane[hole]) or plane, case)
    assert not seen[0].any()


def test_only_groups_that_the_checkpoint_has_not_seen_are_used(data):
    found = list(cases(data, 5, ("train: f01", "train: b"), seed=1))
    assert {case.group for case in found} == {"f01", "b"}
    for case in found:
        least, most = ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7))[case.bin]
        assert least < case.hole.mean() <= most


def test_the_same_masks_are_drawn_for_every_run(data):
    first, second = (list(cases(data, 2, None, seed=1)) for _ in range(2))
    assert all(np.array_equal(one.hole, other.hole) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("true_px", [9.0, 12.5, 20.3])
def test_the_period_of_a_weave_is_found_to_a_few_hundredths(true_px):
    assert period_px(weave(true_px).astype(np.float32) / 255) == pytest.approx(true_px, rel=0.01)


def test_the_task_is_exact_without_debris_and_errors_are_named():
    found = weave_periods([case_of(weave())], [Contestant("telea", fill_telea)])
    assert [one.treatment for one in found] == [ABSENT, IGNORED, "filled by telea"]
    assert found[0].error == 0.0
    assert all(one.unit == "%" and one.n == 1 for one in found)


def test_a_killed_run_goes_on_and_another_checkpoint_begins_anew(data, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "SEED", 1)
    options = ["--images", "1", "--methods", "Telea", "--specimens", "0", "--out", str(tmp_path / "r.json")]
    arguments = bench._parser().parse_args([*options, "--checkpoint", str(tmp_path / "none")])
    first = bench.run(arguments, data)
    assert {(one.kind, one.bin) for one in first.scores} == {
        (kind, index) for kind in ("fabric", "fibres") for index in range(3)
    }
    monkeypatch.setattr(bench, "score", lambda *_: pytest.fail("measured twice"))
    assert bench.run(arguments, data).scores == first.scores
    assert not read_results(tmp_path / "r.json", {**first.origin, "checkpoint": "another"}).scores


def test_the_section_takes_the_place_of_the_old_one_in_the_docs(tmp_path):
    docs = tmp_path / "inpainting.md"
    docs.write_text("# T\n\n## Measured\n\nold\n\n## After\n\nkept\n")
    put_section(docs, "## Measured\n\nnew\n")
    assert docs.read_text() == "# T\n\n## Measured\n\nnew\n\n## After\n\nkept\n"
    put_section(docs, "## Measured\n\nnewer\n")
    assert docs.read_text().count("## Measured") == 1
