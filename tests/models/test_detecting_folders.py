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


def detect(images, out):
    return CliRunner().invoke(app, ["detect-debris", "--images", str(images), "--out", str(out)])


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
