"""Inside the range that training saw a model may decide; outside it says why it must not."""

from dataclasses import replace

import numpy as np
import pytest
from builders import NANO, a_composition
from tiny_isic import tiny_checkpoint, tiny_examples, write_folder

from models.checkpoint import load_checkpoint
from models.training.seen_range import instrument_types, seen_range
from models.validity import SeenShares, ValidityRange, instrument_type, outside_range
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity
from qc_daemon.domain.verdict import DeclaredLabel, parse_label

# Cotton and polyester pure and blended, wool only with polyester, linen never.
SEEN = ValidityRange(
    seen=(
        SeenShares(("cotton",), (0.2,), (1.0,), 9),
        SeenShares(("polyester",), (0.1,), (1.0,), 12),
        SeenShares(("wool",), (0.3,), (0.45,), 3),
        SeenShares(("cotton", "polyester"), (0.2, 0.5), (0.5, 0.8), 5),
        SeenShares(("polyester", "wool"), (0.55, 0.3), (0.7, 0.45), 3),
    ),
    instruments=("nirscan-nano",),
)
NAMES = ("cotton", "linen", "polyester", "wool")


def found(lo: float | None = None, **percent: float):
    """A composition of the four fibres with intervals of ±2, or down to `lo`."""
    shares = {name: percent.get(name, 0.0) for name in NAMES}
    return a_composition({
        name: (max(0.0, value - 2.0) if lo is None else min(lo, value), value, min(100.0, value + 2.0))
        for name, value in shares.items()
    })  # fmt: skip


def codes(composition, label: str | None = None, instrument: InstrumentIdentity = NANO) -> list[str]:
    declared = parse_label(label) if label else None
    reasons = outside_range(SEEN, composition, declared, instrument)
    return [f"{reason.code}:{reason.subject}" for reason in reasons]


@pytest.mark.parametrize(
    "composition",
    [
        found(cotton=100.0),
        found(cotton=97.0, linen=3.0, lo=0.0),  # linen may be a trace
        found(cotton=97.5, linen=2.5),  # surely there, but no more than a trace
        found(cotton=50.0, polyester=50.0),
        found(cotton=54.0, polyester=46.0),  # labels are no finer than 5 points
        found(polyester=68.0, wool=32.0),
    ],
)
def test_what_training_saw_is_inside(composition) -> None:
    assert codes(composition) == []


@pytest.mark.parametrize(
    ("composition", "expected"),
    [
        (found(linen=100.0), ["blend_outside_model:linen"]),
        (found(cotton=60.0, wool=40.0), ["blend_outside_model:cotton+wool"]),
        (found(cotton=96.5, wool=3.5), ["share_outside_model:wool", "blend_outside_model:cotton+wool"]),
        (found(cotton=96.0, linen=4.0), ["blend_outside_model:linen", "blend_outside_model:cotton+linen"]),
        (found(cotton=70.0, polyester=30.0), ["share_outside_model:cotton", "share_outside_model:polyester"]),
        (found(wool=100.0), ["share_outside_model:wool"]),
        (
            found(cotton=30.0, polyester=55.0, wool=15.0),
            ["share_outside_model:wool", "blend_outside_model:cotton+wool"],
        ),
    ],
)  # fmt: skip
def test_what_training_never_saw_is_named(composition, expected: list[str]) -> None:
    assert codes(composition) == expected


def test_a_share_outside_carries_itself_and_the_nearest_that_was_seen() -> None:
    reasons = outside_range(SEEN, found(polyester=88.0, cotton=12.0), None, NANO)
    assert Reason(ReasonCode.SHARE_OUTSIDE_MODEL, "polyester", 88.0, 80.0) in reasons
    assert Reason(ReasonCode.SHARE_OUTSIDE_MODEL, "cotton", 12.0, 20.0) in reasons


def test_a_declared_blend_that_training_never_saw_cannot_be_denied() -> None:
    pure = found(cotton=100.0)
    assert codes(pure, "cotton 100") == []
    assert codes(pure, "cotton 55 wool 45") == ["blend_outside_model:cotton+wool"]
    assert codes(pure, "cotton 60 silk 40") == []  # silk is not of the model: the judgement says so
    assert codes(pure, "cotton 60 linen 40") == [
        "blend_outside_model:linen",
        "blend_outside_model:cotton+linen",
    ]
    both = codes(found(cotton=60.0, wool=40.0), "wool 40 cotton 60")
    assert both == ["blend_outside_model:cotton+wool"]


def test_nothing_is_said_of_the_shares_of_a_novel_specimen() -> None:
    novel = replace(found(linen=100.0), novelty=3.0)
    assert codes(novel) == []
    assert codes(novel, "linen 100") == ["blend_outside_model:linen"]


@pytest.mark.parametrize(
    ("instrument", "inside"),
    [
        (NANO, True),
        (replace(NANO, model="EVM 2"), True),
        (replace(NANO, serial="VIRTUAL"), True),
        (replace(NANO, serial="REPLAYED"), True),
        (InstrumentIdentity("other", "NIRscan Nano", "1", "1"), True),
        (InstrumentIdentity("nirone", "NIRONE 2.0", "N-7", "1"), False),
        (InstrumentIdentity("nirone", "NIRONE 2.0", "VIRTUAL", "1"), False),
    ],
)
def test_an_instrument_is_inside_by_its_type(instrument: InstrumentIdentity, inside: bool) -> None:
    assert (codes(found(cotton=100.0), None, instrument) == []) is inside


def test_a_model_of_virtual_fabric_serves_emulated_instruments_only() -> None:
    virtual = replace(SEEN, instruments=("virtual",))
    pure = found(cotton=100.0)
    assert outside_range(virtual, pure, None, replace(NANO, serial="VIRTUAL")) == ()
    (reason,) = outside_range(virtual, pure, None, NANO)
    assert reason == Reason(ReasonCode.INSTRUMENT_OUTSIDE_MODEL, "NIRscan Nano")


def test_instruments_that_were_not_recorded_are_not_compared() -> None:
    assert outside_range(replace(SEEN, instruments=()), found(cotton=100.0), None, NANO) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NIRscan Nano 6460024", "nirscan-nano"),
        ("NIRscan Nano", "nirscan-nano"),
        ("nirscan-nano", "nirscan-nano"),
        ("virtual", "virtual"),
        ("  FT-NIR   mpa-II ", "ft-nir-mpa-ii"),
        ("S1", "s1"),
    ],
)
def test_the_type_is_the_text_before_the_serial_number(text: str, expected: str) -> None:
    assert instrument_type(text) == expected


def test_the_range_is_what_the_specimens_held() -> None:
    examples = tiny_examples(7)
    shares = np.array(
        [[1, 0, 0], [1, 0, 0], [0.4, 0.6, 0], [0.7, 0.3, 0], [0.7, 0.3, 0], [0.995, 0, 0.005], [0, 1, 0]]
    )
    names = ("a", "a", "b", "c", "c", "d", "e")
    seen = seen_range(replace(examples, shares=shares, specimens=names), ("virtual",))
    assert seen == ValidityRange(
        (
            SeenShares(("hemp",), (0.4,), (1.0,), 4),
            SeenShares(("jute",), (0.3,), (1.0,), 3),
            SeenShares(("hemp", "jute"), (0.4, 0.3), (0.7, 0.6), 2),
        ),
        ("virtual",),
    )  # fmt: skip


def test_instruments_are_known_only_if_every_set_says_them(tmp_path) -> None:
    silent = write_folder(tmp_path / "a", specimens=2)
    nano = replace(silent, instruments=("NIRscan Nano 1", "NIRscan Nano 2", "NIRscan Nano 2", "virtual"))
    assert instrument_types([nano]) == ("nirscan-nano", "virtual")
    assert instrument_types([nano, silent]) == ()


def test_a_checkpoint_keeps_the_range_and_an_older_one_has_none() -> None:
    from models.checkpoint import RELEASED

    kept = tiny_checkpoint().manifest.validity
    assert kept is not None
    assert kept == load_checkpoint(tiny_checkpoint().folder).manifest.validity
    assert {seen.fibres for seen in kept.seen} >= {("hemp",), ("hemp", "jute"), ("jute", "silk")}
    assert load_checkpoint(RELEASED).manifest.fibres


def test_a_declared_label_of_zero_percent_declares_nothing() -> None:
    label = DeclaredLabel(
        "", (*parse_label("cotton 100").fibres, replace(parse_label("wool 100").fibres[0], percent=0.0))
    )
    assert outside_range(SEEN, found(cotton=100.0), label, NANO) == ()
