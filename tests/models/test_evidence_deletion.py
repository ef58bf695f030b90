"""The short form of `python -m benchmarks.evidence`, and that its deletions delete what they say."""

from dataclasses import replace

import numpy as np
from tiny_isic import AXIS_NM as TINY_AXIS_NM
from tiny_isic import absorbance_of, drawn_shares, tiny_checkpoint

from benchmarks.evidence import (
    CERTIFICATE,
    Subject,
    Witness,
    bridged,
    delete_and_compare,
    inside_regions,
    inside_windows,
    made_typical,
    measure_virtual,
)
from models.checkpoint import RELEASED, load_checkpoint
from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.spectrum import Spectrum

EDGES_NM = np.linspace(900.0, 1700.0, 9)
AXIS_NM = np.linspace(900.0, 1700.0, 81)[:-1]
NO_REGIONS = np.zeros((0, 0))


def curved() -> Spectrum:
    return Spectrum(AXIS_NM, np.sin(AXIS_NM / 90.0), np.ones(80, bool))


class ReadsWindow2:
    """A made-up model that answers by the bends in window 2, and names the window that it is told to."""

    def __init__(self, named: int) -> None:
        weights = np.eye(8, dtype=np.float32)[named]
        self.evidence = Evidence(NO_REGIONS, NO_REGIONS.astype(bool), EDGES_NM, weights)

    def answer(self, subject: Subject) -> Composition:
        bend = float(np.abs(np.diff(subject.spectrum.absorbance[20:30], 2)).sum())
        first = 50.0 + 40.0 * min(bend, 1.0)
        shares = (FibreShare("hemp", first, 0.0, 100.0), FibreShare("jute", 100.0 - first, 0.0, 100.0))
        return Composition(shares, "hemp", 0.1, 1.0, "dry mass", 0.9, self.evidence)

    def rankings(self, evidence: Evidence) -> dict[str, np.ndarray]:
        return {CERTIFICATE: evidence.window_weights}

    def typical(self, spectrum: Spectrum) -> np.ndarray:
        return np.zeros(80)


def test_evidence_that_names_the_window_that_is_read_is_worth_something_and_another_is_not() -> None:
    subjects = [Subject(curved(), None)] * 30
    (right, *_) = delete_and_compare(ReadsWindow2(named=2), subjects, 0)
    (wrong, *_) = delete_and_compare(ReadsWindow2(named=6), subjects, 0)
    assert right.removed == wrong.removed == 1
    assert right.ratio_lo > 3.0
    assert wrong.ratio_hi < 0.5
    assert right.change_pp > 1.0


def test_a_hidden_window_becomes_a_line_or_a_typical_bend_and_the_rest_stays() -> None:
    spectrum, typical = curved(), np.cos(AXIS_NM / 50.0)
    hidden = inside_windows(spectrum, EDGES_NM, np.array([2, 3]))
    assert np.flatnonzero(hidden).tolist() == list(range(20, 40))
    line = bridged(spectrum, hidden, typical).absorbance
    bend = made_typical(spectrum, hidden, typical).absorbance
    for changed in (line, bend):
        np.testing.assert_array_equal(changed[~hidden], spectrum.absorbance[~hidden])
    np.testing.assert_allclose(np.diff(line[19:41], 2), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.diff(bend[19:41], 2), np.diff(typical[19:41], 2), atol=1e-12)


def test_hidden_regions_lie_where_the_model_saw_them() -> None:
    pixels = np.zeros((100, 120, 3), np.uint8)
    image = CleanedImage(pixels, pixels, np.zeros((100, 120), bool), 2.0, "none")
    evidence = replace(
        ReadsWindow2(0).evidence,
        region_scores=np.zeros((2, 2)), region_kept=np.ones((2, 2), bool), region_um=64.0,
    )  # fmt: skip
    hidden = inside_regions(image, evidence, np.array([[0, 1], [1, 0]]))
    expected = np.zeros((100, 120), bool)
    expected[18:50, 60:92] = expected[50:82, 28:60] = True
    np.testing.assert_array_equal(hidden, expected)


def test_windows_that_a_network_names_move_its_answer_further_than_random_ones() -> None:
    generator = np.random.default_rng(8)
    spectra = absorbance_of(drawn_shares(20, generator), TINY_AXIS_NM, generator)
    valid = np.ones(len(TINY_AXIS_NM), bool)
    subjects = [Subject(Spectrum(TINY_AXIS_NM, absorbance, valid), None) for absorbance in spectra]
    rows = delete_and_compare(Witness(tiny_checkpoint()), subjects, 0)
    chosen = {(row.replaced_by, row.removed): row for row in rows if row.chosen_by == CERTIFICATE}
    for replaced_by in ("a straight line", "a typical bend"):
        assert chosen[replaced_by, 1].ratio_lo > 1.0
        assert chosen[replaced_by, 3].ratio_lo > 1.0


def test_windows_on_the_released_certificate_move_the_answer_further_than_random_ones() -> None:
    checkpoint = load_checkpoint(RELEASED)
    assert checkpoint.manifest.config.window_evidence
    rows = measure_virtual(Witness(checkpoint), 8, 4711)
    chosen = {(row.replaced_by, row.removed): row for row in rows if row.chosen_by == CERTIFICATE}
    assert chosen["a straight line", 3].n_specimens == 8
    assert chosen["a straight line", 3].ratio_lo > 1.0
