"""`clean` on a folder: every picture is filled, copied or refused in one line, and known pixels stay."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from models import pmpn_checkpoint
from models.filling_methods import GAUSSIAN, TELEA
from models.folder_cleaning import FolderCleaner
from models.hole_filling import fill_holes
from qc_daemon.cli import app
from qc_daemon.domain.errors import InputError

SIDE = 72


def weave(depth: type = np.uint8, channels: int = 0, side: int = SIDE) -> np.ndarray:
    line = np.arange(side)
    level = 0.5 + 0.2 * np.sin(line[:, None] * 0.9) * np.sin(line[None, :] * 0.7)
    level = level + np.random.default_rng(3).normal(0.0, 0.01, (side, side))
    pixels = (level.clip(0, 1) * np.iinfo(depth).max).astype(depth)
    if not channels:
        return pixels
    return np.stack([pixels // (1 + channel) for channel in range(channels)], axis=2)


def disc(side: int = SIDE) -> np.ndarray:
    return cv2.circle(np.zeros((side, side), np.uint8), (30, 34), 6, 255, -1)


def put(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def read(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, path
    return pixels


def clean(folder: Path, *options: str):
    arguments = [
        "clean",
        "--images",
        folder / "images",
        "--out",
        folder / "out",
        "--method",
        "telea",
        *options,
    ]
    return CliRunner().invoke(app, [str(one) for one in arguments])


def with_masks(folder: Path) -> tuple[str, str]:
    return "--masks", str(folder / "masks")


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [0, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_depth_and_kind_is_filled_and_keeps_its_known_pixels(tmp_path, depth, channels, suffix):
    pixels = weave(depth, channels)
    put(tmp_path / "images" / f"a{suffix}", pixels)
    put(tmp_path / "masks" / "a.png", disc())
    assert clean(tmp_path, *with_masks(tmp_path)).exit_code == 0
    filled, hole = read(tmp_path / "out" / f"a{suffix}"), disc() > 0
    assert filled.dtype == depth
    assert filled.shape == pixels.shape
    assert np.array_equal(filled[~hole], pixels[~hole])
    assert not np.array_equal(filled[hole], pixels[hole])
    if channels == 4:
        assert np.array_equal(filled[..., 3], pixels[..., 3])


def test_a_jpeg_becomes_a_png_whose_known_pixels_are_those_of_the_jpeg(tmp_path):
    image = put(tmp_path / "images" / "a.jpg", weave(channels=3))
    put(tmp_path / "masks" / "a.png", disc())
    assert clean(tmp_path, *with_masks(tmp_path)).exit_code == 0
    hole = disc() > 0
    assert np.array_equal(read(tmp_path / "out" / "a.png")[~hole], read(image)[~hole])
    assert not (tmp_path / "out" / "a.jpg").exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_an_image_with_an_empty_mask_is_copied_byte_for_byte(tmp_path, suffix):
    image = put(tmp_path / "images" / f"a{suffix}", weave())
    put(tmp_path / "masks" / "a.png", np.zeros((SIDE, SIDE), np.uint8))
    assert clean(tmp_path, *with_masks(tmp_path)).exit_code == 0
    assert (tmp_path / "out" / image.name).read_bytes() == image.read_bytes()


def test_a_colour_mask_counts_wherever_any_colour_is_not_zero_but_opacity_does_not(tmp_path):
    mask = np.zeros((SIDE, SIDE, 4), np.uint8)
    mask[..., 3] = 255
    mask[10:14, 10:14, 0] = 1
    mask[40:44, 40:44, 2] = 200
    pixels = weave()
    pixels[10:14, 10:14] = pixels[40:44, 40:44] = 0
    put(tmp_path / "images" / "a.png", pixels)
    put(tmp_path / "masks" / "a.png", mask)
    assert clean(tmp_path, *with_masks(tmp_path)).exit_code == 0
    changed = read(tmp_path / "out" / "a.png") != pixels
    assert np.array_equal(changed, (mask[..., :3] > 0).any(axis=2))


def test_without_masks_debris_is_found_and_its_mask_is_written(tmp_path):
    pixels = weave(channels=3, side=160)
    pixels[disc(160) > 0] = 5
    put(tmp_path / "images" / "a.png", pixels)
    assert clean(tmp_path).exit_code == 0
    mask = read(tmp_path / "out" / "masks" / "a.png")
    assert set(np.unique(mask)) == {0, 255}
    assert np.array_equal(read(tmp_path / "out" / "a.png")[mask == 0], pixels[mask == 0])


def animated_png() -> bytes:
    frames = [Image.fromarray(weave() + shade) for shade in (0, 9)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


def paged_tiff() -> bytes:
    frames = [Image.fromarray(weave() + shade) for shade in (0, 9)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


WRONG = {
    "animated.png": (animated_png(), png(disc()), "holds 2 pictures"),
    "paged.tif": (paged_tiff(), png(disc()), "holds 2 pictures"),
    "moving.gif": (b"GIF89a", png(disc()), "GIF is not read"),
    "text.png": (b"not a picture", png(disc()), "are no image"),
    "empty.png": (b"", png(disc()), "are no image"),
    "cut.png": (png(weave())[:-30], png(disc()), "cut off"),
    "float.tif": (cv2.imencode(".tif", weave().astype(np.float32))[1].tobytes(), png(disc()), "float32"),
    "other-size.png": (png(weave()), png(disc(50)), "50x50 pixels; expected 72x72"),
    "whole.png": (png(weave()), png(np.full((SIDE, SIDE), 255, np.uint8)), "all of it is masked"),
    "pixel.png": (png(weave(side=1)), png(np.full((1, 1), 255, np.uint8)), "all of it is masked"),
    "bad-mask.png": (png(weave()), b"nonsense", "bad-mask.png: 8 bytes are no image"),
    "no-mask.png": (png(weave()), None, "expected one mask"),
}


@pytest.fixture(scope="module")
def mixed_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    put(folder / "images" / "zz-good.png", weave())
    put(folder / "masks" / "zz-good.png", disc())
    put(folder / "images" / "pixel-known.png", weave(side=1))
    put(folder / "masks" / "pixel-known.png", np.zeros((1, 1), np.uint8))
    for name, (image, mask, _) in WRONG.items():
        (folder / "images" / name).write_bytes(image)
        if mask is not None:
            (folder / "masks" / f"{Path(name).stem}.png").write_bytes(mask)
    (folder / "images" / "notes.txt").write_text("not a picture, and no one says it is")
    command = [sys.executable, "-c", "from qc_daemon.cli import main; main()", "clean", "--method", "telea"]
    paths = ["--images", folder / "images", "--masks", folder / "masks", "--out", folder / "out"]
    return folder, subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_picture_is_said_in_one_line(mixed_run, name):
    folder, ran = mixed_run
    lines = [line for line in ran.stderr.splitlines() if f"/{Path(name).stem}." in line]
    assert len(lines) == 1, ran.stderr
    assert WRONG[name][2] in lines[0]
    assert not list((folder / "out").glob(f"{Path(name).stem}.*"))


def test_the_rest_of_the_folder_is_done_and_the_status_says_that_some_failed(mixed_run):
    folder, ran = mixed_run
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == len(WRONG)
    assert f"2 of {len(WRONG) + 2} images" in ran.stdout
    assert (folder / "out" / "zz-good.png").exists()
    assert (folder / "out" / "pixel-known.png").read_bytes() == (
        folder / "images/pixel-known.png"
    ).read_bytes()
    assert not list((folder / "out").glob(".*"))


def test_without_the_network_a_classical_method_fills_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(pmpn_checkpoint, "RELEASED_PMPN", tmp_path / "nothing")
    put(tmp_path / "images" / "a.png", weave())
    put(tmp_path / "masks" / "a.png", disc())
    folders = ["--images", "images", "--masks", "masks", "--out", "out"]
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["clean", *folders])
    assert ran.exit_code == 0
    assert "no checkpoint of PMPN" in ran.stderr
    assert "gaussian" in ran.stderr
    expected = fill_holes(weave(), disc() > 0, GAUSSIAN)
    assert np.array_equal(read(tmp_path / "out" / "a.png"), expected)


def test_two_pictures_of_one_stem_are_not_written_over_one_another(tmp_path):
    put(tmp_path / "images" / "a.jpg", weave())
    put(tmp_path / "images" / "a.png", weave())
    put(tmp_path / "masks" / "a.png", disc())
    ran = clean(tmp_path, *with_masks(tmp_path))
    assert ran.exit_code == 2
    assert "a.png: has the stem of a.jpg" in ran.stderr


def test_a_mask_that_belongs_to_no_picture_is_named(tmp_path):
    put(tmp_path / "images" / "a.png", weave())
    put(tmp_path / "masks" / "a.png", disc())
    put(tmp_path / "masks" / "b.png", disc())
    ran = clean(tmp_path, *with_masks(tmp_path))
    assert ran.exit_code == 0
    assert "b.png: belongs to no image" in ran.stderr


@pytest.mark.parametrize(
    ("images", "masks", "out", "words"),
    [
        ("nowhere", None, "out", "no such folder"),
        ("empty", None, "out", "holds no image"),
        ("images", None, "images", "would overwrite"),
        ("images", "images", "out", "is the folder of the images"),
        ("images", "empty", "out", "holds no image"),
        ("images", None, "images/a.png", "cannot be made"),
    ],
)
def test_folders_that_cannot_be_meant_are_refused(tmp_path, images, masks, out, words):
    put(tmp_path / "images" / "a.png", weave())
    (tmp_path / "empty").mkdir()
    folder_of_masks = None if masks is None else tmp_path / masks
    with pytest.raises(InputError, match=words):
        list(FolderCleaner(tmp_path / images, folder_of_masks, tmp_path / out, TELEA, print).work.run())


def test_the_same_folder_gives_the_same_files_twice(tmp_path):
    put(tmp_path / "images" / "a.png", weave(channels=3))
    put(tmp_path / "masks" / "a.png", disc())
    written = []
    for out in ("one", "two"):
        cleaner = FolderCleaner(
            tmp_path / "images", tmp_path / "masks", tmp_path / out, GAUSSIAN, lambda _content, _name: None
        )
        assert [cleaned.problem for cleaned in cleaner.work.run()] == [None]
        written.append((tmp_path / out / "a.png").read_bytes())
    assert written[0] == written[1]


def test_a_picture_larger_than_a_tile_is_filled_without_seams(tmp_path):
    side = 200
    pixels, mask = weave(side=side), np.zeros((side, side), bool)
    mask[60:140, 20:180] = np.random.default_rng(1).random((80, 160)) < 0.5
    whole, tiled = (fill_holes(pixels, mask, replace(GAUSSIAN, tile_px=tile_px)) for tile_px in (1024, 96))
    errors = [np.sqrt(np.mean((filled[mask] - pixels[mask].astype(float)) ** 2)) for filled in (whole, tiled)]
    telea = fill_holes(pixels, mask, TELEA)[mask] - pixels[mask].astype(float)
    assert errors[1] < 1.3 * errors[0] < np.sqrt(np.mean(telea**2))
