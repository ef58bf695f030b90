"""Inside the range that training saw a model may decide; outside it says why it must not."""

from dataclasses import replace

import numpy as np
import pytest
from builders import NANO, a_composition
from pydantic import TypeAdapter
from tiny_isic import tiny_checkpoint, tiny_examples, write_folder

from models.checkpoint import load_checkpoint
from models.training.examples import common_grid, gather
from models.training.seen_range import seen_range
from models.validity import SeenShares, ValidityRange, instrument_type, outside_range
from qc_daemon.domain.label import DeclaredLabel, parse_label
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity

NANO_TYPE = "nirscan-nano"
VIRTUAL, REPLAYED = replace(NANO, serial="VIRTUAL"), replace(NANO, serial="REPLAYED")
# Cotton and polyester pure and blended, wool pure once and with polyester, linen never.
SEEN = ValidityRange(
    seen=(
        SeenShares(("cotton",), (0.98,), (1.0,), 9, NANO_TYPE),
        SeenShares(("polyester",), (1.0,), (1.0,), 3, NANO_TYPE),
        SeenShares(("wool",), (1.0,), (1.0,), 1, NANO_TYPE),
        SeenShares(("cotton", "polyester"), (0.2, 0.5), (0.5, 0.8), 5, NANO_TYPE),
        SeenShares(("polyester", "wool"), (0.55, 0.3), (0.7, 0.45), 3, NANO_TYPE),
        SeenShares(("linen", "polyester"), (0.5, 0.5), (0.5, 0.5), 2, NANO_TYPE),
    ),
    instruments=(NANO_TYPE,),
)
NAMES = ("cotton", "linen", "polyester", "wool")


def found(lo: float | None = None, **percent: float):
    """A composition of the four fibres with intervals of ±2, or down to `lo`."""
    shares = {name: percent.get(name, 0.0) for name in NAMES}
    return a_composition({
        name: (max(0.0, value - 2.0) if lo is None else min(lo, value), value, min(100.0, value + 2.0))
        for name, value in shares.items()
    })  # fmt: skip


def codes(
    composition,
    label: str | None = None,
    instrument: InstrumentIdentity = NANO,
    validity: ValidityRange = SEEN,
) -> list[str]:
    declared = parse_label(label) if label else None
    reasons = outside_range(validity, composition, declared, instrument)
    return [f"{reason.code}:{reason.subject}" for reason in reasons]


@pytest.mark.parametrize(
    "composition",
    [
        found(cotton=100.0),
        found(cotton=97.0, linen=3.0, lo=0.0),  # linen may be a trace
        found(cotton=97.5, linen=2.5),  # surely there, but no more than a trace
        found(cotton=93.5, linen=3.5, wool=3.0, lo=0.0),  # nearly pure, by the least share and 5 points
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
        (found(wool=100.0), ["too_few_learnt:wool"]),
        (found(linen=50.0, polyester=50.0), ["too_few_learnt:linen+polyester"]),
        (found(cotton=60.0, wool=40.0), ["blend_outside_model:cotton+wool"]),
        (found(cotton=96.5, wool=3.5), ["blend_outside_model:cotton+wool"]),
        (found(cotton=92.5, linen=4.0, wool=3.5, lo=0.0), ["share_outside_model:cotton"]),
        (found(cotton=70.0, polyester=30.0), ["share_outside_model:cotton", "share_outside_model:polyester"]),
        (
            found(cotton=30.0, polyester=55.0, wool=15.0),
            ["blend_outside_model:cotton+wool", "share_outside_model:wool"],
        ),
    ],
)  # fmt: skip
def test_what_training_never_saw_is_named(composition, expected: list[str]) -> None:
    assert codes(composition) == expected


def test_a_share_outside_carries_itself_and_the_nearest_that_was_seen() -> None:
    reasons = outside_range(SEEN, found(polyester=88.0, cotton=12.0), None, NANO)
    assert Reason(ReasonCode.SHARE_OUTSIDE_MODEL, "polyester", 88.0, 80.0) in reasons
    assert Reason(ReasonCode.SHARE_OUTSIDE_MODEL, "cotton", 12.0, 20.0) in reasons


def test_between_compositions_that_lie_far_apart_the_nearest_one_is_named() -> None:
    apart = ValidityRange(
        (
            SeenShares(("cotton", "polyester"), (0.5, 0.5), (0.5, 0.5), 9, NANO_TYPE),
            SeenShares(("cotton", "polyester"), (0.3, 0.7), (0.3, 0.7), 5, NANO_TYPE),
            SeenShares(("cotton", "polyester"), (0.16, 0.84), (0.16, 0.84), 2, NANO_TYPE),
        ),
        (NANO_TYPE,),
    )
    between = outside_range(apart, found(cotton=42.0, polyester=58.0), None, NANO)
    assert between == (
        Reason(ReasonCode.SHARE_OUTSIDE_MODEL, "cotton", 42.0, 50.0),
        Reason(ReasonCode.SHARE_OUTSIDE_MODEL, "polyester", 58.0, 50.0),
    )
    assert codes(found(cotton=33.0, polyester=67.0), validity=apart) == []
    assert codes(found(cotton=17.0, polyester=83.0), validity=apart) == ["too_few_learnt:cotton+polyester"]


def test_a_declared_blend_that_training_never_saw_cannot_be_denied() -> None:
    pure = found(cotton=100.0)
    assert codes(pure, "cotton 100") == []
    assert codes(pure, "cotton 55 wool 45") == ["blend_outside_model:cotton+wool"]
    assert codes(pure, "cotton 60 silk 40") == []  # silk is not of the model: the judgement says so
    assert codes(pure, "cotton 60 linen 40") == ["blend_outside_model:cotton+linen"]
    assert codes(pure, "linen 50 polyester 50") == ["too_few_learnt:linen+polyester"]
    both = codes(found(cotton=60.0, wool=40.0), "wool 40 cotton 60")
    assert both == ["blend_outside_model:cotton+wool"]


def test_nothing_is_said_of_the_shares_of_a_novel_specimen() -> None:
    novel = replace(found(linen=100.0), novelty=3.0)
    assert codes(novel) == []
    assert codes(novel, "linen 100") == ["blend_outside_model:linen"]


@pytest.mark.parametrize(("specimens", "inside"), [(1, False), (2, False), (3, True), (4, True)])
@pytest.mark.parametrize("fibres", [("wool",), ("polyester", "wool")])
@pytest.mark.parametrize("instrument", [NANO_TYPE, "virtual", ""])
def test_fewer_than_three_specimens_are_too_few(
    fibres: tuple[str, ...], instrument: str, specimens: int, inside: bool
) -> None:
    share = 1.0 / len(fibres)
    seen = SeenShares(fibres, (share,) * len(fibres), (share,) * len(fibres), specimens, instrument)
    validity = ValidityRange((seen,), (instrument,) if instrument else ())
    spectrometer = VIRTUAL if instrument == "virtual" else NANO
    reasons = outside_range(validity, found(**dict.fromkeys(fibres, 100.0 * share)), None, spectrometer)
    few = Reason(ReasonCode.TOO_FEW_LEARNT, "+".join(fibres), specimens, 3)
    assert reasons == (() if inside else (few,))


@pytest.mark.parametrize(
    ("instrument", "inside"),
    [
        (NANO, True),
        (replace(NANO, model="EVM 2"), True),
        (replace(NANO, model=""), True),
        (REPLAYED, True),
        (InstrumentIdentity("other", "NIRscan Nano", "1", "1"), True),
        (VIRTUAL, False),
        (InstrumentIdentity("nirone", "NIRONE 2.0", "N-7", "1"), False),
        (InstrumentIdentity("nirone", "NIRONE 2.0", "REPLAYED", "1"), False),
    ],
)
def test_an_instrument_is_inside_by_its_type(instrument: InstrumentIdentity, inside: bool) -> None:
    assert (codes(found(cotton=100.0), None, instrument) == []) is inside


def test_an_instrument_that_training_never_saw_is_all_that_is_said() -> None:
    blend = found(cotton=60.0, wool=40.0)
    nirone = InstrumentIdentity("nirone", "NIRONE 2.0", "N-7", "1")
    assert codes(blend, "linen 100", nirone) == ["instrument_outside_model:NIRONE 2.0"]
    assert codes(blend, "linen 100", VIRTUAL) == ["instrument_outside_model:virtual"]


# Recorded: cotton pure and one swatch of wool. Simulated: everything, the blend of both too.
MIXED = ValidityRange(
    seen=(
        SeenShares(("cotton",), (1.0,), (1.0,), 3, NANO_TYPE),
        SeenShares(("wool",), (1.0,), (1.0,), 1, NANO_TYPE),
        SeenShares(("cotton",), (0.95,), (1.0,), 800, "virtual"),
        SeenShares(("wool",), (0.95,), (1.0,), 800, "virtual"),
        SeenShares(("cotton", "wool"), (0.05, 0.05), (0.95, 0.95), 900, "virtual"),
    ),
    instruments=(NANO_TYPE, "virtual"),
)


@pytest.mark.parametrize("instrument", [NANO, REPLAYED])
def test_simulated_specimens_do_not_vouch_for_measured_ones(instrument: InstrumentIdentity) -> None:
    assert codes(found(cotton=100.0), "cotton 100", instrument, MIXED) == []
    assert codes(found(wool=100.0), None, instrument, MIXED) == ["too_few_learnt:wool"]
    blend = found(cotton=50.0, wool=50.0)
    assert codes(blend, None, instrument, MIXED) == ["blend_outside_model:cotton+wool"]


def test_virtual_specimens_are_compared_with_simulated_ones_only() -> None:
    for composition in (found(cotton=100.0), found(wool=100.0), found(cotton=50.0, wool=50.0)):
        assert codes(composition, None, VIRTUAL, MIXED) == []
    recorded_only = SeenShares(("linen",), (1.0,), (1.0,), 9, NANO_TYPE)
    validity = replace(MIXED, seen=(*MIXED.seen, recorded_only))
    assert codes(found(linen=100.0), None, NANO, validity) == []
    assert codes(found(linen=100.0), None, VIRTUAL, validity) == ["blend_outside_model:linen"]


@pytest.mark.parametrize("instrument", [NANO, REPLAYED, VIRTUAL])
def test_instruments_that_were_not_named_are_not_compared(instrument: InstrumentIdentity) -> None:
    unnamed = ValidityRange(tuple(replace(seen, instrument="") for seen in SEEN.seen), ())
    assert codes(found(cotton=100.0), None, instrument, unnamed) == []
    assert codes(found(wool=100.0), None, instrument, unnamed) == ["too_few_learnt:wool"]


def test_rows_without_an_instrument_beside_the_mill_serve_all_but_virtual_fabric() -> None:
    recorded = [shares for shares in MIXED.seen if shares.instrument == NANO_TYPE]
    simulated = [shares for shares in MIXED.seen if shares.instrument == "virtual"]
    partly = ValidityRange((*(replace(shares, instrument="") for shares in recorded), *simulated), ())
    blend = found(cotton=50.0, wool=50.0)
    assert codes(found(cotton=100.0), None, NANO, partly) == []
    assert codes(blend, None, NANO, partly) == ["blend_outside_model:cotton+wool"]
    assert codes(blend, None, VIRTUAL, partly) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NIRscan Nano 6460024", "nirscan-nano"),
        ("NIRscan Nano", "nirscan-nano"),
        ("nirscan-nano", "nirscan-nano"),
        ("virtual", "virtual"),
        ("nirscan-nano VIRTUAL", "virtual"),  # scans that were kept of an emulator
        ("nirscan-nano REPLAYED", "nirscan-nano"),
        ("", ""),
        ("  FT-NIR   mpa-II ", "ft-nir-mpa-ii"),
        ("S1", "s1"),
    ],
)
def test_the_type_is_the_text_before_the_serial_number(text: str, expected: str) -> None:
    assert instrument_type(text) == expected


def test_the_range_is_what_the_specimens_held_by_type_of_instrument() -> None:
    rows = (
        ((1, 0, 0), "a", NANO_TYPE),
        ((1, 0, 0), "a", NANO_TYPE),  # another scan of the same piece
        ((1, 0, 0), "a", "virtual"),
        ((0.4, 0.6, 0), "b", "virtual"),
        ((0.7, 0.3, 0), "c", "virtual"),
        ((0.7, 0.3, 0), "c", "virtual"),
        ((0.49, 0.51, 0), "g", "virtual"),  # near "b": what lies between is near one of them
        ((0.995, 0, 0.005), "d", NANO_TYPE),  # a trace makes no blend
        ((0.96, 0.04, 0), "e", NANO_TYPE),  # nearly pure, and a blend
        ((0, 1, 0), "f", "virtual"),
    )
    shares, names, instruments = zip(*rows, strict=True)
    examples = replace(tiny_examples(10), shares=np.array(shares), specimens=names, instruments=instruments)
    assert seen_range(examples) == ValidityRange(
        (
            SeenShares(("hemp",), (0.96,), (1.0,), 3, NANO_TYPE),
            SeenShares(("hemp", "jute"), (0.96, 0.04), (0.96, 0.04), 1, NANO_TYPE),
            SeenShares(("hemp",), (1.0,), (1.0,), 1, "virtual"),
            SeenShares(("jute",), (1.0,), (1.0,), 1, "virtual"),
            SeenShares(("hemp", "jute"), (0.4, 0.51), (0.49, 0.6), 2, "virtual"),
            SeenShares(("hemp", "jute"), (0.7, 0.3), (0.7, 0.3), 1, "virtual"),
        ),
        (NANO_TYPE, "virtual"),
    )


def test_each_row_keeps_its_instrument_from_the_folder_to_the_range(tmp_path) -> None:
    silent = write_folder(tmp_path / "a", specimens=4)
    texts = ("NIRscan Nano 1",) * 3 + ("NIRscan Nano 2",) * 3 + ("virtual",) * 2
    named = replace(silent, instruments=texts)
    grid = common_grid([named], 40)
    examples = gather([named], grid, None)
    assert seen_range(examples).instruments == (NANO_TYPE, "virtual")
    assert seen_range(examples.take(np.arange(6))).instruments == (NANO_TYPE,)
    both = seen_range(gather([named, silent], grid, None))
    assert both.instruments == ()
    assert {seen.instrument for seen in both.seen} == {"", NANO_TYPE, "virtual"}


def test_a_range_of_an_older_checkpoint_is_read_and_pools_its_instruments() -> None:
    text = """{"seen": [{"fibres": ["wool"], "lo": [0.3], "hi": [1.0], "specimens": 3}],
               "instruments": ["nirscan-nano", "virtual"]}"""
    older = TypeAdapter(ValidityRange).validate_json(text, extra="forbid")
    for instrument in (NANO, REPLAYED, VIRTUAL):
        assert codes(found(wool=100.0), None, instrument, older) == []
    nirone = InstrumentIdentity("nirone", "NIRONE 2.0", "N-7", "1")
    assert codes(found(wool=100.0), None, nirone, older) == ["instrument_outside_model:NIRONE 2.0"]


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
