"""Bias, RMSEP and coverage against the laboratory, by hand."""

import math

import pytest

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.lab_comparison import (
    AnalysedInspection,
    ComparedShare,
    LabResult,
    LabShare,
    compare,
    compared_shares,
)


def share(specimen: str, lab: float, said: float, half_width: float = 2.0, **changes) -> ComparedShare:
    fields = {
        "fibres": "cotton/polyester",
        "fibre": "cotton",
        "basis": "dry mass",
        "lab_basis": "dry mass",
        "compared_on": "dry mass",
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


def analysed(basis: str, lab_basis: str, said=None, found=None) -> AnalysedInspection:
    """Cotton 60 (55 to 65), polyester 40 (35 to 45), where the laboratory found 61 and 39."""
    said = said or (FibreShare("cotton", 60.0, 55.0, 65.0), FibreShare("polyester", 40.0, 35.0, 45.0))
    found = found or (LabShare("cotton", 61.0), LabShare("polyester", 39.0))
    result = LabResult("S-1", "ISO 1833-11", "SGS", "2026-11-25", lab_basis, found)
    return AnalysedInspection(7, said, basis, 0.9, result)


# By hand, with 8.5 % moisture of cotton and 0.4 % of polyester: 60 g and 40 g dry are 65.1 g and 40.16 g.
COTTON_CONVENTIONAL = 100 * 65.1 / (65.1 + 40.16)  # 61.85
COTTON_CONVENTIONAL_LO = 100 * 59.675 / (59.675 + 45.18)  # 55 g and 45 g: 56.91
COTTON_CONVENTIONAL_HI = 100 * 70.525 / (70.525 + 35.14)  # 65 g and 35 g: 66.74


def test_shares_of_dry_mass_are_brought_to_the_conventional_regain_of_the_laboratory():
    cotton, polyester = compared_shares([analysed("dry mass", "conventional regain")])
    assert (cotton.percent, cotton.lo_percent, cotton.hi_percent) == pytest.approx(
        (COTTON_CONVENTIONAL, COTTON_CONVENTIONAL_LO, COTTON_CONVENTIONAL_HI)
    )
    assert (polyester.percent, polyester.lab_percent) == pytest.approx((100 - COTTON_CONVENTIONAL, 39.0))
    row = compare([cotton])[0]
    assert row.bias_pp == pytest.approx(0.847, abs=0.001)
    assert (row.basis, row.lab_basis, row.compared_on) == (
        "dry mass", "conventional regain", "conventional regain"
    )  # fmt: skip


def test_shares_of_conventional_regain_are_brought_to_the_dry_mass_of_the_laboratory():
    said = (
        FibreShare("cotton", COTTON_CONVENTIONAL, COTTON_CONVENTIONAL_LO, COTTON_CONVENTIONAL_HI),
        FibreShare("polyester", 100 - COTTON_CONVENTIONAL, 33.0, 43.5),
    )
    cotton, _ = compared_shares([analysed("conventional regain", "dry mass", said)])
    assert (cotton.percent, cotton.lo_percent, cotton.hi_percent) == pytest.approx((60.0, 55.0, 65.0))


def test_shares_on_the_same_basis_and_shares_as_labelled_stay_as_they_are():
    (same, _), (labelled, _) = (
        tuple(compared_shares([analysed(basis, "conventional regain")]))
        for basis in ("conventional regain", "as labelled, percent by mass")
    )
    assert (same.percent, same.compared_on) == (60.0, "conventional regain")
    assert (labelled.percent, labelled.compared_on) == (60.0, "as labelled, percent by mass")


@pytest.mark.parametrize(
    ("basis", "lab_basis", "fibre", "why"),
    [
        ("dry mass", "bone dry", "cotton", '"bone dry" is no basis that is known (dry mass, '),
        ("by guess", "dry mass", "cotton", '"by guess" is no basis that is known'),
        ("dry mass", "conventional regain", "angora", "there is no moisture of angora"),
    ],
)
def test_what_cannot_be_brought_to_one_basis_is_refused_with_the_result_named(basis, lab_basis, fibre, why):
    said = (FibreShare(fibre, 60.0, 55.0, 65.0), FibreShare("polyester", 40.0, 35.0, 45.0))
    with pytest.raises(InputError) as refused:
        list(compared_shares([analysed(basis, lab_basis, said)]))
    assert why in str(refused.value)
    assert "specimen S-1 (ISO 1833-11, SGS, 2026-11-25): inspection 7" in str(refused.value)
