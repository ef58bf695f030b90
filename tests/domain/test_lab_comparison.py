"""Bias, RMSEP and coverage against the laboratory, by hand."""

import math

import pytest

from qc_daemon.domain.lab_comparison import ComparedShare, compare


def share(specimen: str, lab: float, said: float, half_width: float = 2.0, **changes) -> ComparedShare:
    fields = {
        "fibres": "cotton/polyester",
        "fibre": "cotton",
        "basis": "dry mass",
        "lab_basis": "dry mass",
        "nominal_coverage": 0.9,
    }
    return ComparedShare(
        specimen=specimen,
        lab_percent=lab,
        percent=said,
        lo_percent=said - half_width,
        hi_percent=said + half_width,
        **fields | changes,
    )


def test_bias_rmsep_and_coverage_are_those_of_the_blend():
    shares = [share("A", 60, 61), share("A", 60, 63), share("B", 50, 50)]
    (row,) = compare(shares)
    assert (row.specimens, row.inspections) == (2, 3)
    assert row.bias_pp == pytest.approx(4 / 3)
    assert row.rmsep_pp == pytest.approx(math.sqrt(10 / 3))
    assert row.coverage == pytest.approx(2 / 3)
    assert (row.mean_width_pp, row.nominal_coverage) == (4.0, pytest.approx(0.9))


def test_the_ends_of_an_interval_belong_to_it():
    assert compare([share("A", 62, 60), share("B", 58, 60)])[0].coverage == 1.0


def test_blends_fibres_and_bases_are_compared_apart():
    shares = [
        share("A", 60, 60),
        share("A", 40, 40, fibre="polyester"),
        share("B", 50, 50, fibres="cotton/wool"),
        share("C", 50, 50, lab_basis="conventional regain"),
    ]
    assert [(row.fibres, row.fibre, row.lab_basis) for row in compare(shares)] == [
        ("cotton/polyester", "cotton", "conventional regain"),
        ("cotton/polyester", "cotton", "dry mass"),
        ("cotton/polyester", "polyester", "dry mass"),
        ("cotton/wool", "cotton", "dry mass"),
    ]


def test_nothing_compared_is_no_row():
    assert compare([]) == ()
