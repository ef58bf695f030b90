"""Dataset folders: what is written is read, what is wrong is named, and no specimen is split."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.training.dataset import Dataset
from models.training.datasets import read_dataset, require_shares, write_dataset
from models.training.image_files import decoded_rgb
from models.training.splitting import split_by_specimen
from qc_daemon.domain.errors import DatasetError
from qc_daemon.domain.spectrum import Scan, ScanConditions, ScanSettings

PICTURE = cv2.imencode(".png", np.full((4, 4, 3), 128, np.uint8))[1].tobytes()
AXIS = np.array([900.0, 1200.0, 1500.0])
GOOD = "specimen,cotton,polyester\na,1,0\na,1,0\nb,0.4,0.6\n"


def folder_with(path, table=GOOD, **arrays):
    """Write a dataset folder by hand: the table's text and the arrays, good ones unless given."""
    rows = len(list(filter(None, table.splitlines()))) - 1
    arrays = {"wavelength_nm": AXIS, "absorbance": np.full((rows, 3), 0.2)} | arrays
    (path / "samples.csv").write_text(table, encoding="utf-8")
    np.savez(path / "spectra.npz", **{key: value for key, value in arrays.items() if value is not None})
    return path


def refusal(path, **kwargs):
    """Read a folder that is wrong and return the one line that says why."""
    with pytest.raises(DatasetError) as caught:
        read_dataset(path, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@st.composite
def datasets(draw):
    n, bands, fibres = draw(st.integers(1, 5)), draw(st.integers(2, 6)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    shares = generator.dirichlet(np.ones(fibres), n)
    shares[generator.random(n) < 0.3] = 0.0
    counts = generator.integers(1, 2**24, (n, bands)) if draw(st.booleans()) else None
    return {
        "wavelength_nm": np.cumsum(generator.uniform(1, 9, bands)) + 900,
        "absorbance": generator.normal(0.2, 0.3, (n, bands)),
        "fibres": ("cotton", "linen", "hemp", "ramie")[:fibres],
        "shares": shares,
        "specimens": tuple(f'roll "{i % 2}", left' for i in range(n)),
        "conditions": ("", "folded", "", "back", "")[:n],
        "image_paths": (None,) * n,
        "um_per_pixel": np.where(generator.random(n) < 0.5, np.nan, generator.uniform(0.2, 5, n)),
        "sample_counts": counts,
        "reference_counts": counts,
        "instruments": ("", "NIRscan Nano 6460024", "", 'Nano "2", spare 7', "")[:n],
    }


@given(datasets())
def test_what_is_written_is_read_back_equal(tmp_path_factory, fields):
    dataset = Dataset(folder=tmp_path_factory.mktemp("d"), **fields)
    write_dataset(dataset)
    read = read_dataset(dataset.folder)
    for name in ("fibres", "specimens", "conditions", "image_paths", "instruments"):
        assert getattr(read, name) == getattr(dataset, name), name
    for name in ("wavelength_nm", "absorbance", "shares", "um_per_pixel"):
        assert np.array_equal(getattr(read, name), getattr(dataset, name), equal_nan=True), name
    if dataset.sample_counts is None:
        assert read.sample_counts is None
    else:
        assert np.array_equal(read.sample_counts, dataset.sample_counts)


def test_columns_of_other_things_are_not_taken_for_fibres(tmp_path):
    table = (
        "specimen,hemp,cotton,spot,system_temp_c,humidity_pct,repeat,note\n"
        "a,0.25,0.75,1,0.5,0.9,1,x\nb,0.5,0.5,0,0.6,0.8,2,y\nc,0.5,0.5,0,0.6,0.8,3,z\n"
    )
    assert read_dataset(folder_with(tmp_path, table)).fibres == ("hemp", "cotton")


def test_a_row_of_zero_shares_is_no_specimen(tmp_path):
    dataset = read_dataset(folder_with(tmp_path, "specimen,cotton,wool\na,1,0\nempty,0,0\n"))
    assert dataset.shares.sum(axis=1).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("specimen,cotton,wool\na,0.5,0.4\n", ["samples.csv", "row 1", "0.900", "expected 1"]),
        ("specimen,cotton,wool\na,1,0\nb,1.2,0\n", ["samples.csv", "row 2", "cotton", "1.2", "0..1"]),
        ("specimen,cotton,wool\na,-0.1,1.1\n", ["samples.csv", "row 1", "cotton", "-0.1"]),
        ("specimen,cotton\na,\n", ["samples.csv", "row 1", "cotton"]),
        ("specimen,cotton\na,nan\n", ["samples.csv", "row 1", "cotton", "nan"]),
        ("specimen,cotton,hemp\na,1,0\nb,1,0\nc,0,7\n", ["row 3", "hemp", "7"]),
        ("cotton,wool\n1,0\n", ["samples.csv", '"specimen"']),
        ("specimen,hemp,jute\na,40,60\nb,70,30\n", ["samples.csv", "percent", "divide"]),
        ("specimen,cotton,hemp\na,1,0\nb,40,60\n", ["row 2", "cotton", "40", "percent"]),
        ("specimen,hemp,jute\na,1,0\nb,o.5,0.5\nc,0,1\n", ["row 2", "hemp", "o.5", "0..1"]),
        ("specimen;cotton\na;1\n", ['"specimen"', "specimen;cotton"]),
        ("specimen,cotton\na,1\n\nb,2\n", ["row 2 (line 4)", "cotton"]),
        ("specimen,cotton\na\0b,1\n", ["samples.csv", "zero bytes"]),
        ("specimen,cotton\n,1\n", ["row 1", "specimen is empty"]),
        ("specimen,cotton,cotton\na,1,0\n", ["samples.csv", "cotton", "twice"]),
        ("specimen,cotton\na,1,0\n", ["row 1", "3 cells", "expected 2"]),
        ("specimen,cotton\n", ["samples.csv", "no rows"]),
        ("specimen,cotton,um_per_pixel\na,1,-2\n", ["row 1", "um_per_pixel", "-2"]),
        ("specimen,cotton,um_per_pixel\na,1,x\n", ["row 1", "um_per_pixel"]),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path, table, words):
    line = refusal(folder_with(tmp_path, table))
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"absorbance": None}, ['"absorbance"']),
        ({"wavelength_nm": None}, ['"wavelength_nm"']),
        ({"wavelength_nm": AXIS[::-1]}, ["not ascending", "values 1 and 2", "1500, 1200"]),
        ({"wavelength_nm": AXIS[[0, 1, 1]]}, ["twice the same", "values 2 and 3", "1200, 1200"]),
        ({"wavelength_nm": np.array([900.0, np.nan, 1000.0])}, ["wavelength_nm", "not finite"]),
        ({"wavelength_nm": np.ones((3, 1))}, ["wavelength_nm", "(3, 1)"]),
        ({"absorbance": np.diag([0, 0, np.inf])}, ["absorbance", "row 3, column 3 (1500 nm): inf"]),
        ({"absorbance": np.zeros((2, 3))}, ["2 rows", "samples.csv has 3"]),
        ({"absorbance": np.zeros((3, 4))}, ["(3, 4)", "(3, 3)"]),
        ({"absorbance": np.array([["a"] * 3] * 3)}, ["absorbance", "real numbers"]),
        ({"sample": np.zeros((3, 9))}, ["sample", "(3, 9)"]),
        ({"reference": np.zeros((2, 3))}, ["reference", "(2, 3)"]),
    ],
)
def test_wrong_arrays_are_refused_in_one_line(tmp_path, arrays, words):
    line = refusal(folder_with(tmp_path, **arrays))
    for word in ["spectra.npz", *words]:
        assert word in line


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not an archive at all"])
def test_a_damaged_archive_is_refused(tmp_path, content):
    folder_with(tmp_path)
    (tmp_path / "spectra.npz").write_bytes(content)
    assert "spectra.npz: cannot be read" in refusal(tmp_path)


def test_an_archive_cut_short_is_refused(tmp_path):
    folder_with(tmp_path)
    whole = (tmp_path / "spectra.npz").read_bytes()
    (tmp_path / "spectra.npz").write_bytes(whole[: len(whole) // 2])
    assert "spectra.npz: cannot be read" in refusal(tmp_path)


def test_pickled_objects_are_not_loaded(tmp_path):
    folder_with(tmp_path)
    np.savez(tmp_path / "spectra.npz", wavelength_nm=AXIS, absorbance=np.array([{}], dtype=object))
    assert "spectra.npz: cannot be read" in refusal(tmp_path)


def test_a_table_that_is_not_utf8_is_refused(tmp_path):
    folder_with(tmp_path)
    (tmp_path / "samples.csv").write_bytes("specimen,cotton\né,1\n".encode("latin-1"))
    assert "UTF-8" in refusal(tmp_path)


def test_a_missing_folder_table_or_archive_is_named(tmp_path):
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "samples.csv" in refusal(tmp_path)
    (tmp_path / "samples.csv").write_text(GOOD)
    assert "spectra.npz: no such file" in refusal(tmp_path)


def test_one_reference_serves_every_row(tmp_path):
    dataset = read_dataset(folder_with(tmp_path, reference=np.array([7.0, 8.0, 9.0])))
    assert dataset.reference_counts.tolist() == [[7.0, 8.0, 9.0]] * 3


@pytest.mark.parametrize("place", ["shot.png", "images/shot.png", "jpg/shot.png"])
def test_an_image_is_found_under_the_folder_images_and_jpg(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(PICTURE)
    dataset = read_dataset(folder_with(tmp_path, "specimen,cotton,image\na,1,shot.png\nb,1,\n"))
    assert dataset.image_paths == (tmp_path / place, None)


def test_an_image_serves_as_micrograph_only_if_its_scale_is_known(tmp_path):
    (tmp_path / "shot.png").write_bytes(PICTURE)
    table = "specimen,cotton,image,um_per_pixel\na,1,shot.png,1.5\nb,1,shot.png,\n"
    dataset = read_dataset(folder_with(tmp_path, table))
    assert dataset.micrograph_path(0) == tmp_path / "shot.png"
    assert dataset.micrograph_path(1) is None


def test_a_file_that_is_no_image_is_refused_with_its_row(tmp_path):
    (tmp_path / "shot.png").write_bytes(b"no picture")
    line = refusal(folder_with(tmp_path, "specimen,cotton,image\na,1,\nb,1,shot.png\n"))
    assert "samples.csv: row 2" in line
    assert "shot.png is no image" in line


def test_without_fibre_columns_the_shares_are_unknown(tmp_path):
    dataset = read_dataset(folder_with(tmp_path, "specimen,note,tension\na,x,100\n"))
    assert dataset.fibres == ()
    with pytest.raises(DatasetError, match=r"samples\.csv: has no fibre columns"):
        require_shares(dataset)
    empty = read_dataset(folder_with(tmp_path, "specimen,cotton\na,0\n"))
    with pytest.raises(DatasetError, match="every row is without specimen"):
        require_shares(empty)


def test_a_missing_image_names_file_and_row(tmp_path):
    line = refusal(folder_with(tmp_path, "specimen,cotton,image\na,1,\nb,1,gone.png\n"))
    assert "samples.csv: row 2" in line
    assert "gone.png" in line


def test_an_image_outside_the_folder_is_refused(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    secret = tmp_path / "secret.png"
    secret.write_bytes(PICTURE)
    (inside / "link.png").symlink_to(secret)
    for name in ("../secret.png", str(secret), "link.png"):
        table = f"specimen,cotton,image\na,1,{name}\n"
        assert "outside the folder" in refusal(folder_with(inside, table))


def test_a_labelled_stream_is_one_specimen_a_folder(tmp_path):
    table = "label,folder\ncotton,c-1\nunknown,empty\nwool,w-1\nwool,w-1\n"
    references = np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 3]])
    dataset = read_dataset(folder_with(tmp_path, table, reference_per_class=references))
    assert dataset.fibres == ("cotton", "wool")
    assert dataset.shares.tolist() == [[1, 0], [0, 0], [0, 1], [0, 1]]
    assert dataset.specimens == ("c-1", "empty", "w-1", "w-1")
    assert dataset.reference_counts[:, 0].tolist() == [1.0, 2.0, 3.0, 3.0]


@dataclass(frozen=True)
class Recorded:
    """What a scan file holds."""

    scan: Scan
    reference: Scan


def recorded(path, axis=AXIS, net=100.0):
    """Stand in for the reader of instrument files: counts by file name, gains 16 and 4."""

    def scan(counts, gain):
        return Scan(
            raw=b"", raw_format="test", serial="S1", wavelength_nm=axis, counts=np.full(len(axis), counts),
            dark_counts=np.zeros(len(axis)), full_scale_counts=2.0**23,
            settings=ScanSettings("test", 6, gain), conditions=ScanConditions(30.0, 30.0, 40.0, 3800),
        )  # fmt: skip

    return Recorded(scan(net, 16), scan(100.0, 4))


def test_a_folder_of_scan_files_is_read_through_the_injected_reader(tmp_path):
    for name in ("Cotton_C01_Pos2_03.csv", "Cotton_C01_Fold4_01.csv", "Column 1_043007_20240418.dat"):
        (tmp_path / name).write_text("")
    dataset = read_dataset(tmp_path, recorded)
    assert dataset.specimens == ("Column 1_043007_20240418", "Cotton_C01", "Cotton_C01")
    assert dataset.conditions == ("", "Fold4", "Pos2")
    assert dataset.instruments == ("test S1",) * 3
    assert dataset.fibres == ()
    assert dataset.shares.shape == (3, 0)
    assert dataset.absorbance == pytest.approx(np.full((3, 3), np.log10(4.0)))


def test_scan_files_with_different_axes_are_refused(tmp_path):
    for name in ("a_01.csv", "b_01.csv"):
        (tmp_path / name).write_text("")
    line = refusal(
        tmp_path, scan_file_reader=lambda path: recorded(path, AXIS + 5.0 * path.stem.startswith("b"))
    )
    assert "b_01.csv" in line


def test_a_scan_without_signal_is_refused(tmp_path):
    (tmp_path / "a_01.csv").write_text("")
    assert "a_01.csv" in refusal(tmp_path, scan_file_reader=lambda path: recorded(path, net=0.0))


specimen_lists = st.lists(st.sampled_from("abcdefghijklmnop"), min_size=12, max_size=60)


@given(specimen_lists, st.integers(0, 99))
def test_no_specimen_stands_in_two_parts_and_no_row_is_lost(names, seed):
    if len(set(names)) < 3:
        return
    parts = split_by_specimen(names, (0.6, 0.2, 0.2), seed)
    assert sorted(row for part in parts for row in part) == list(range(len(names)))
    groups = [{names[row] for row in part} for part in parts]
    assert all(groups)
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
    again = split_by_specimen(names, (0.6, 0.2, 0.2), seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


def test_another_seed_deals_otherwise():
    names = [f"s{i}" for i in range(40)]
    assert (
        split_by_specimen(names, (0.5, 0.5), 1)[0].tolist()
        != split_by_specimen(names, (0.5, 0.5), 2)[0].tolist()
    )


def test_strata_are_spread_over_the_parts():
    names = [f"s{i}" for i in range(40)]
    strata = ["wool" if i < 10 else "cotton" for i in range(40)]
    parts = split_by_specimen(names, (0.6, 0.4), 3, strata)
    assert [sum(strata[row] == "wool" for row in part) for part in parts] == [6, 4]


def test_too_few_specimens_to_split_are_refused():
    with pytest.raises(DatasetError, match="2 specimens"):
        split_by_specimen(["a", "a", "b"], (0.4, 0.3, 0.3), 1)


def test_the_recorded_sets_are_read(qc_data):
    swatches = read_dataset(qc_data / "nirscan_swatches")
    assert swatches.fibres == ("cotton", "nylon", "polyester", "wool", "acrylic", "acetate")
    assert all(swatches.micrograph_path(row) is None for row in range(len(swatches)))
    garments = read_dataset(qc_data / "nirscan_3garments")
    assert garments.fibres == ("cotton", "polyester", "wool")
    recomputed = np.log10(garments.reference_counts / garments.sample_counts)
    assert np.abs(recomputed - garments.absorbance).max() < 1e-5


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_an_image_that_was_cut_short_is_refused_by_name(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 255, (90, 60, 3), dtype=np.uint8)
    whole = cv2.imencode(suffix, pixels[:, :, ::-1])[1].tobytes()
    assert decoded_rgb(tmp_path / f"a{suffix}", whole).shape == (90, 60, 3)
    if suffix != ".jpg":
        assert np.array_equal(decoded_rgb(tmp_path / f"a{suffix}", whole), pixels)
    for cut in (0, 40, len(whole) // 2):
        with pytest.raises(DatasetError, match=rf"a{suffix}: cannot be read"):
            decoded_rgb(tmp_path / f"a{suffix}", whole[:cut])
