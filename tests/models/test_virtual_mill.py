"""The virtual mill: deterministic, physically consistent, and close enough to recorded fabric."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from benchmarks.mill_realism import only, pls_da, pretreated, pure_rows, virtual_spectra, votes
from models.training.datasets import read_dataset
from models.virtual_mill.endmembers import FIBRES, fibre_bands
from models.virtual_mill.micrographs import DENSITY_G_CM3, FORMS, number_shares, render_micrograph
from models.virtual_mill.specimens import UM_PER_PIXEL, make_specimens, write_mill
from models.virtual_mill.spectra import (
    draw_fabric,
    draw_scan_setting,
    kubelka_munk,
    nirscan_nano_axis,
    simulate_scan,
)
from qc_daemon.domain.quality import FrameLimits, focus_measure, grey_levels

MILL_SPECIMENS, MILL_SEED = 4, 7


def scan_of(shares, seed, axis=None):
    generator = np.random.default_rng(seed)
    axis = nirscan_nano_axis() if axis is None else axis
    return simulate_scan(draw_fabric(shares, generator), draw_scan_setting(generator), axis, generator)


def absorption(fibre, *wavelengths_nm):
    return fibre_bands(fibre, crystallinity=1.0, lignin=0.02).absorption(np.array(wavelengths_nm))


def detail(fibre, seed):
    """Strength, skewness and kurtosis of a field's detail at five scales: nothing that knows fibres."""
    pixels = render_micrograph({fibre: 1.0}, np.random.default_rng([3, seed]), size_px=192).pixels
    level = np.log(grey_levels(pixels).astype(np.float32) + 5.0)
    finer, features = cv2.GaussianBlur(level, (0, 0), 0.6), []
    for sigma_px in (1.0, 1.7, 2.8, 4.5, 8.0):
        coarser = cv2.GaussianBlur(level, (0, 0), sigma_px)
        band, finer = finer - coarser, coarser
        spread = band.std()
        features += [np.log(spread), (band**3).mean() / spread**3, (band**4).mean() / spread**4]
    return features


@pytest.fixture(scope="module")
def mill(tmp_path_factory):
    """What `write_mill` returns of a few specimens, one of them with debris."""
    return write_mill(tmp_path_factory.mktemp("mill"), MILL_SPECIMENS, MILL_SEED)


def test_the_same_seed_writes_the_same_bytes(mill, tmp_path):
    write_mill(tmp_path, MILL_SPECIMENS, MILL_SEED)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert Path("spectra.npz") in files
    assert Path("fibre_cover.npz") in files
    assert any(path.suffix == ".png" for path in files)
    for path in files:
        assert (mill.folder / path).read_bytes() == (tmp_path / path).read_bytes()


def test_another_seed_gives_other_specimens():
    one, other = (next(make_specimens(1, seed, size_px=64)) for seed in (1, 2))
    assert not np.array_equal(one.scan.sample_counts, other.scan.sample_counts)
    assert not np.array_equal(one.micrograph.pixels, other.micrograph.pixels)


def test_a_specimen_does_not_depend_on_how_many_are_made():
    few = list(make_specimens(2, 5, size_px=64))[1]
    many = list(islice(make_specimens(50, 5, size_px=64), 2))[1]
    assert few.shares == many.shares
    assert np.array_equal(few.scan.sample_counts, many.scan.sample_counts)
    assert np.array_equal(few.micrograph.pixels, many.micrograph.pixels)


def test_what_is_written_is_read_back(mill):
    read = read_dataset(mill.folder)
    assert read.fibres == FIBRES
    assert np.array_equal(read.shares, mill.shares)
    assert np.abs(read.absorbance - mill.absorbance).max() < 1e-12
    assert np.array_equal(read.sample_counts, mill.sample_counts)
    assert np.array_equal(read.fibre_cover, mill.fibre_cover)
    assert read.um_per_pixel.tolist() == [UM_PER_PIXEL] * MILL_SPECIMENS
    assert [read.micrograph_path(row) for row in range(MILL_SPECIMENS)] == list(mill.image_paths)


def test_a_debris_mask_pairs_with_its_image_by_stem(mill):
    masks = list((mill.folder / "masks").iterdir())
    assert masks
    for mask in masks:
        assert (mill.folder / "images" / mask.name).is_file()
        assert cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE).any()


def test_the_fibres_of_every_specimen_can_be_named():
    for specimen in make_specimens(5, 12, size_px=32, fibres=("cotton", "polyester", "wool")):
        present = {fibre for fibre, share in zip(FIBRES, specimen.shares, strict=True) if share >= 0.05}
        assert present == {"cotton", "polyester", "wool"}
        assert sum(specimen.shares) == pytest.approx(1.0)


def test_a_single_named_fibre_is_pure():
    (specimen,) = make_specimens(1, 12, size_px=64, fibres=("linen",))
    assert specimen.shares == tuple(float(fibre == "linen") for fibre in FIBRES)
    counted = dict(zip(FIBRES, specimen.micrograph.counted, strict=True))
    assert counted.pop("linen") > 0
    assert not any(counted.values())


def test_a_mill_folder_of_named_fibres_holds_them_alone(tmp_path):
    dataset = write_mill(tmp_path, 1, 5, np.linspace(950.0, 1650.0, 16), fibres=("nylon", "viscose"))
    present = [fibre for fibre, share in zip(FIBRES, dataset.shares[0], strict=True) if share > 0]
    assert present == ["nylon", "viscose"]


def test_the_axis_is_the_one_a_nirscan_nano_reports():
    # Wavelengths that unit 5510004 wrote for these coefficients.
    axis = nirscan_nano_axis((1775.68, -0.916766, -0.000235065))
    assert len(axis) == 228
    assert axis[:3] == pytest.approx([901.509839, 905.375756, 909.237442], abs=0.002)
    assert axis[-2:] == pytest.approx([1697.492221, 1701.312548], abs=0.002)


def test_absorbance_is_that_of_whole_counts_in_the_range_of_the_converter():
    scan = scan_of({"wool": 1.0}, 1)
    assert scan.sample_counts.dtype == scan.reference_counts.dtype == np.int32
    assert 0.55e6 < scan.reference_counts.max() < 0.69e6
    assert scan.sample_counts.min() >= 1
    assert np.array_equal(scan.absorbance, np.log10(scan.reference_counts / scan.sample_counts))


@pytest.mark.parametrize("limits_nm", [(1550.0, 1950.0), (800.0, 2500.0), (950.0, 1650.0)])
def test_any_axis_is_served(limits_nm):
    axis = np.linspace(*limits_nm, 128)
    scan = scan_of({"cotton": 0.5, "polyester": 0.5}, 2, axis)
    assert np.array_equal(scan.wavelength_nm, axis)
    assert np.all(np.isfinite(scan.absorbance))


@pytest.mark.parametrize(
    ("fibre", "peak_nm", "valley_nm"),
    [
        ("polyester", 1660.0, 1580.0),
        ("polyester", 1130.0, 1250.0),
        ("nylon", 1538.0, 1640.0),
        ("nylon", 1200.0, 1320.0),
        ("cotton", 1490.0, 1320.0),
        ("wool", 1500.0, 1320.0),
        ("linen", 2095.0, 1880.0),
        ("viscose", 1480.0, 1320.0),
    ],
)
def test_each_fibre_absorbs_where_the_literature_says(fibre, peak_nm, valley_nm):
    peak, valley = absorption(fibre, peak_nm, valley_nm)
    assert peak > 1.5 * valley


def test_viscose_has_less_crystalline_and_more_amorphous_absorption_than_cotton():
    cotton = fibre_bands("cotton", 1.0, 0.0).absorption(np.array([1430.0, 1590.0]))
    viscose = fibre_bands("viscose", 0.45, 0.0).absorption(np.array([1430.0, 1590.0]))
    assert viscose[0] > cotton[0]
    assert viscose[1] < cotton[1]


@given(st.floats(0.001, 3.0))
def test_a_thick_layer_reflects_as_kubelka_and_munk_say(ratio):
    expected = 1.0 + ratio - np.sqrt(ratio**2 + 2.0 * ratio)
    for background in (0.0, 0.9):
        assert kubelka_munk(np.array([ratio]), 1e4, background)[0] == pytest.approx(expected, abs=1e-9)


@given(st.floats(0.001, 3.0), st.floats(0.0, 1.0))
def test_no_layer_at_all_shows_the_background(ratio, background):
    assert kubelka_munk(np.array([ratio]), 1e-7, background)[0] == pytest.approx(background, abs=1e-6)


def test_a_folded_sheer_fabric_shows_less_of_the_dark_behind_it():
    layer = [kubelka_munk(np.array([0.05]), 0.1 * layers, 0.0)[0] for layers in (1, 2, 4)]
    assert layer[0] < layer[1] < layer[2]


@given(st.lists(st.floats(0.01, 1.0), min_size=6, max_size=6))
def test_the_fibres_counted_weigh_the_shares_that_were_asked_for(weights):
    shares = {fibre: weight / sum(weights) for fibre, weight in zip(FIBRES, weights, strict=True)}
    mass = {
        fibre: number * FORMS[fibre].area_um2 * DENSITY_G_CM3[fibre]
        for fibre, number in number_shares(shares).items()
    }
    assert {fibre: each / sum(mass.values()) for fibre, each in mass.items()} == pytest.approx(shares)


def test_coarse_wool_needs_fewer_fibres_than_fine_polyester_for_the_same_mass():
    numbers = number_shares({"wool": 0.5, "polyester": 0.5})
    assert numbers["wool"] < 0.35


def test_the_fibres_in_view_follow_the_mass_shares():
    shares = {"cotton": 0.6, "wool": 0.4}
    counted = np.zeros(len(FIBRES))
    for seed in range(15):
        counted += render_micrograph(shares, np.random.default_rng(seed), 160, 4.0).counted
    seen = counted / counted.sum()
    expected = number_shares(shares)
    for fibre, share in expected.items():
        assert seen[FIBRES.index(fibre)] == pytest.approx(share, abs=0.06)


def test_each_fibre_has_marks_by_which_it_can_be_told():
    features = {fibre: [detail(fibre, seed) for seed in range(12)] for fibre in FIBRES}
    forest = RandomForestClassifier(100, random_state=0)
    forest.fit(
        [row for rows in features.values() for row in rows[:8]],
        [fibre for fibre in FIBRES for _ in range(8)],
    )
    told = {fibre: np.mean(forest.predict(rows[8:]) == fibre) for fibre, rows in features.items()}
    assert np.mean(list(told.values())) > 0.7, told


def test_debris_changes_the_field_where_its_mask_says_and_nowhere_else():
    shares = {"cotton": 1.0}
    clean = render_micrograph(shares, np.random.default_rng(8), 240, debris_pieces=0)
    dirty = render_micrograph(shares, np.random.default_rng(8), 240, debris_pieces=1)
    assert not clean.debris_mask.any()
    assert dirty.debris_mask.any()
    away = cv2.dilate(dirty.debris_mask.astype(np.uint8), np.ones((13, 13), np.uint8)) == 0
    # The noise differs, for debris consumes random numbers; the fibres below do not.
    blurred = [cv2.GaussianBlur(m.pixels.astype(np.float32), (0, 0), 2.0) for m in (clean, dirty)]
    change = np.abs(blurred[0] - blurred[1]).max(axis=2)
    assert change[away].max() < 6.0
    assert np.median(change[dirty.debris_mask]) > 12.0


def test_virtual_frames_pass_the_gates_of_the_station():
    limits = FrameLimits()
    for specimen in make_specimens(8, 17):
        grey = grey_levels(specimen.micrograph.pixels)
        assert focus_measure(grey) > limits.min_focus
        assert grey.std() > limits.min_contrast
        assert 100.0 * max(np.mean(grey <= 0), np.mean(grey >= 255)) < limits.max_clipped_percent


def test_shares_sum_to_one_and_name_one_to_three_fibres():
    for specimen in make_specimens(60, 9, size_px=32):
        present = [share for share in specimen.shares if share > 0]
        assert sum(present) == pytest.approx(1.0)
        assert 1 <= len(present) <= 3
        assert min(present) >= 0.05


def test_a_classifier_of_virtual_spectra_names_recorded_swatches(qc_data):
    fibres = ("cotton", "nylon", "polyester")
    real = only(pure_rows(read_dataset(qc_data / "nirscan_swatches")), fibres)
    virtual = virtual_spectra(fibres, 150, real.wavelength_nm)
    named = pls_da(pretreated(virtual.absorbance), virtual.fibres, pretreated(real.absorbance))
    voted = votes(real, named)
    assert np.mean([truth == answer for _, truth, answer in voted]) >= 0.9
