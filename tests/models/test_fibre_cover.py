"""Where which fibre lies agrees with the shares, and a file that does not fit is refused in one line."""

from shutil import copytree

import numpy as np
import pytest

from models.isic_net_config import CELL_PX
from models.training.datasets import read_dataset
from models.training.fibre_cover import COVER_FILE, as_percent
from models.virtual_mill.endmembers import FIBRES
from models.virtual_mill.micrographs import DENSITY_G_CM3, FORMS, render_micrograph
from models.virtual_mill.specimens import write_mill
from qc_daemon.domain.errors import DatasetError

# A ribbon shows its width where it faces the light and 0.42 of it where it turns over.
SEEN_WIDTH = dict.fromkeys(FIBRES, 1.0) | {"cotton": 0.42 + 0.58 * 2.0 / np.pi}


def mass_shares(covered):
    """Weigh what fibres cover (n, rows, columns, fibres): section by density over the width seen."""
    mass = {}
    for index, fibre in enumerate(FIBRES):
        form = FORMS[fibre]
        section_per_width = form.area_um2 / (SEEN_WIDTH[fibre] * form.width_um)
        mass[fibre] = covered[..., index].sum() * section_per_width * DENSITY_G_CM3[fibre]
    return {fibre: each / sum(mass.values()) for fibre, each in mass.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("mill")
    write_mill(path, 2, 11, np.linspace(950.0, 1650.0, 16), fibres=("cotton", "wool"))
    return path


def refusal(folder, tmp_path, content):
    """Read a good folder whose cover file has other content; return the one line that says why not."""
    copytree(folder, tmp_path, dirs_exist_ok=True)
    if isinstance(content, bytes):
        (tmp_path / COVER_FILE).write_bytes(content)
    else:
        np.savez(tmp_path / COVER_FILE, **content)
    with pytest.raises(DatasetError) as caught:
        read_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    assert COVER_FILE in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "shares",
    [{"nylon": 0.3, "polyester": 0.7}, {"viscose": 0.6, "wool": 0.4}, {"cotton": 0.5, "polyester": 0.5}],
    ids="-".join,
)
def test_what_fibres_cover_weighs_the_shares_that_were_asked_for(shares):
    # Coarse pixels: many fibres in little time, and the cover must not depend on the scale.
    fields = [render_micrograph(shares, np.random.default_rng(seed), 320, 4.0) for seed in range(4)]
    weighed = mass_shares(np.array([field.covered for field in fields]))
    for fibre in FIBRES:
        assert weighed[fibre] == pytest.approx(shares.get(fibre, 0.0), abs=0.06)


def test_fibres_cover_where_they_are_seen():
    field = render_micrograph({"polyester": 1.0}, np.random.default_rng(2), 160)
    covered = field.covered.sum(axis=2)
    assert covered.shape == (160 // CELL_PX, 160 // CELL_PX)
    level = field.pixels.mean(axis=2).reshape(10, CELL_PX, 10, CELL_PX).mean(axis=(1, 3))
    assert np.corrcoef(covered.ravel(), level.ravel())[0, 1] < -0.6  # fibres take light away


def test_a_written_cover_is_read_back(folder):
    read = read_dataset(folder)
    assert read.fibre_cover.shape == (2, 480 // CELL_PX, 480 // CELL_PX, len(FIBRES))
    present = read.fibre_cover.any(axis=(1, 2))
    assert np.array_equal(present, read.shares > 0)


def test_a_folder_without_the_file_says_nothing_of_cover(folder, tmp_path):
    copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / COVER_FILE).unlink()
    assert read_dataset(tmp_path).fibre_cover is None


def test_cover_is_kept_as_whole_percent_that_cannot_overflow():
    assert as_percent(np.float32([0.0, 0.004, 0.126, 1.0, 9.0])).tolist() == [0, 0, 13, 100, 255]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not an archive", ["cannot be read", "expected an array named percent"]),
        ({"cover": np.zeros((2, 3, 3, 6), np.uint8)}, ["cannot be read", "percent"]),
        ({"percent": np.array([None])}, ["cannot be read"]),
        ({"percent": np.zeros((2, 3, 3, 6), np.float32)}, ["float32", "expected uint8"]),
        ({"percent": np.zeros((2, 3, 6), np.uint8)}, ["(2, 3, 6)", "(2, rows, columns, 6)"]),
        ({"percent": np.zeros((3, 3, 3, 6), np.uint8)}, ["(3, 3, 3, 6)", "(2, rows, columns, 6)"]),
        ({"percent": np.zeros((2, 3, 3, 4), np.uint8)}, ["(2, 3, 3, 4)", "(2, rows, columns, 6)"]),
    ],
    ids=["bytes", "another name", "objects", "floats", "three axes", "rows", "fibres"],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(folder, tmp_path, content, words):
    line = refusal(folder, tmp_path, content)
    for word in words:
        assert word in line
