"""`detect-debris` on a folder: a mask for each picture, and one line for each that cannot be read."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from qc_daemon.cli import app
from qc_daemon.domain.errors import InputError


def spotted(depth=np.uint8, channels=3):
    level = 0.6 + np.random.default_rng(2).normal(0.0, 0.01, (120, 150))
    level = level * (1.0 - 0.8 * cv2.circle(np.zeros(level.shape), (60, 70), 12, 1.0, -1))
    pixels = (level.clip(0, 1) * np.iinfo(depth).max).astype(depth)
    return pixels if channels == 1 else np.dstack([pixels] * channels)


def detect(images, out, *options):
    return CliRunner().invoke(app, ["detect-debris", "--images", str(images), "--out", str(out), *options])


DROPLET = cv2.circle(np.zeros((96, 120), np.uint8), (40, 50), 8, 1, -1) > 0


def seen_through(passed, folder, count=14):
    """Write pictures of patches, other ones each time; the optics let `passed` of the light through."""
    folder.mkdir()
    for seed in range(count):
        patches = np.random.default_rng(seed).integers(90, 190, (16, 20)).astype(np.float32)
        light = cv2.GaussianBlur(np.kron(patches, np.ones((6, 6), np.float32)), (0, 0), 1.5) * passed
        cv2.imwrite(str(folder / f"{seed:02}.png"), light.astype(np.uint8))
    return folder


@pytest.mark.parametrize(("depth", "channels"), [(np.uint8, 1), (np.uint8, 3), (np.uint16, 1)])
def test_each_picture_gets_a_mask_of_its_size(tmp_path, depth, channels):
    images, out = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    cv2.imwrite(str(images / "spot.png"), spotted(depth, channels))
    cv2.imwrite(str(images / "tiny.png"), np.full((1, 1), 99, np.uint8))
    result = detect(images, out)
    assert result.exit_code == 0, result.output
    assert "2 of 2 masks" in result.output and "1 with debris" in result.output
    mask = cv2.imread(str(out / "spot.png"), cv2.IMREAD_UNCHANGED)
    disc = cv2.circle(np.zeros((120, 150), np.uint8), (60, 70), 12, 1, -1) > 0
    assert set(np.unique(mask)) == {0, 255}
    assert (disc & (mask > 0)).sum() / (disc | (mask > 0)).sum() > 0.6
    assert cv2.imread(str(out / "tiny.png"), cv2.IMREAD_UNCHANGED).tolist() == [[0]]


def test_a_damaged_picture_is_named_and_the_others_are_done(tmp_path):
    images, out = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    (images / "bad.png").write_bytes(b"\x89PNG cut off")
    cv2.imwrite(str(images / "good.png"), spotted())
    cv2.imwrite(str(images / "good.tif"), spotted())
    result = detect(images, out)
    assert result.exit_code == 2
    assert "bad.png" in result.stderr and "good.tif: has the stem of good.png" in result.stderr
    assert [path.name for path in out.iterdir()] == ["good.png"]


def test_masks_are_never_written_over_pictures(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), spotted())
    result = detect(tmp_path, tmp_path)
    assert isinstance(result.exception, InputError)
    assert "would overwrite" in str(result.exception)
    assert cv2.imread(str(tmp_path / "a.png")).shape == (120, 150, 3)


def test_what_stays_in_place_while_the_specimen_moves_is_in_each_mask_and_told_by_itself(tmp_path):
    images = seen_through(np.where(DROPLET, 0.4, 1.0), tmp_path / "images")
    (images / "bad.png").write_bytes(b"cut off")
    result = detect(images, tmp_path / "out", "--moved")
    assert result.exit_code == 2
    assert "bad.png" in result.stderr
    assert "14 of 15 masks" in result.output
    assert "dirt on the optics: " in result.stderr
    optics = cv2.imread(str(tmp_path / "out" / "optics" / "mask.png"), cv2.IMREAD_UNCHANGED) > 0
    assert optics[DROPLET].mean() > 0.95
    assert optics.sum() < 2.5 * DROPLET.sum()
    for seed in range(14):
        mask = cv2.imread(str(tmp_path / "out" / f"{seed:02}.png"), cv2.IMREAD_UNCHANGED) > 0
        assert mask[optics].all()


def test_a_specimen_that_did_not_move_is_said(tmp_path):
    images = seen_through(np.ones(DROPLET.shape), tmp_path / "images", count=1)
    for copy in range(9):
        (images / f"copy{copy}.png").write_bytes((images / "00.png").read_bytes())
    result = detect(images, tmp_path / "out", "--moved")
    assert isinstance(result.exception, InputError)
    assert "10 frames, 1 of which show another view" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_blank_picture_divides_shade_out_and_shows_what_is_black(tmp_path):
    speck = cv2.circle(np.zeros(DROPLET.shape, np.uint8), (90, 30), 5, 1, -1) > 0
    passed = np.where(speck, 0.02, np.where(DROPLET, 0.4, 1.0))
    images = tmp_path / "images"
    images.mkdir()
    even = 150.0 + np.random.default_rng(1).normal(0.0, 2.0, DROPLET.shape)
    cv2.imwrite(str(images / "a.png"), (even * passed).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "blank.png"), (240.0 * passed).astype(np.uint8))
    detect(images, tmp_path / "without")
    result = detect(images, tmp_path / "with", "--blank", str(tmp_path / "blank.png"))
    assert result.exit_code == 0, result.output
    before, after = (cv2.imread(str(tmp_path / out / "a.png"), 0) > 0 for out in ("without", "with"))
    assert before[DROPLET].mean() > 0.8
    assert after[DROPLET].mean() < 0.1
    assert after[speck].all()


def test_a_picture_of_another_size_than_the_blank_one_is_named_and_a_missing_blank_one_too(tmp_path):
    images = seen_through(np.ones(DROPLET.shape), tmp_path / "images", count=1)
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((90, 80), 240, np.uint8))
    result = detect(images, tmp_path / "out", "--blank", str(tmp_path / "blank.png"))
    assert result.exit_code == 2
    assert "00.png: 120 x 96 px; expected 80 x 90 px" in result.stderr
    missing = detect(images, tmp_path / "out", "--blank", str(tmp_path / "none.png"))
    assert "none.png" in str(missing.exception)
