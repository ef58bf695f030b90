"""What a model was trained on, and what of an inspection lies outside of that.

Seen are the fibres and pairs of fibres of real pieces of fabric and the shares that they had. Blends
that training computes from two spectra are not counted: any pair can be computed, but no interval
was ever checked on one. The wavelength axis is the manifest's grid.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from qc_daemon.domain.composition import Composition
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import VIRTUAL_SERIAL, InstrumentIdentity
from qc_daemon.domain.verdict import DeclaredLabel

VIRTUAL_MILL = "virtual"  # the instrument that a simulated dataset names
# The tolerance of GB/T 29862-2013: labels, and so the shares that training saw, are no finer.
MARGIN_PERCENT = 5.0
# A predicted fibre is there if its share is beyond the margin, or surely more than a trace.
_TRACE_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class SeenShares:
    """A fibre, or a pair of fibres in one specimen, and the shares 0..1 that it was seen with."""

    fibres: tuple[str, ...]
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    specimens: int


@dataclass(frozen=True, slots=True)
class ValidityRange:
    """What training saw.

    Attributes:
        seen: every fibre and every pair of fibres that a specimen held.
        instruments: types of instruments (`instrument_type`); () if a training set does not say.
    """

    seen: tuple[SeenShares, ...]
    instruments: tuple[str, ...]

    def shares_of(self, *fibres: str) -> SeenShares | None:
        """Return what was seen of a fibre or pair, in any order, or None if it never was."""
        return next((seen for seen in self.seen if set(seen.fibres) == set(fibres)), None)


def instrument_type(text: str) -> str:
    """Return the type that a text on an instrument names: "NIRscan Nano 6460024" is "nirscan-nano".

    A last word that holds a digit is a serial number.
    """
    words = text.lower().split()
    if len(words) > 1 and any(letter.isdigit() for letter in words[-1]):
        words.pop()
    return "-".join(words)


def outside_range(
    validity: ValidityRange,
    composition: Composition,
    label: DeclaredLabel | None,
    spectrometer: InstrumentIdentity,
) -> tuple[Reason, ...]:
    """Return what lies outside the range: what was found, what was declared, and the instrument.

    The declared blend counts as well: a model that never saw it cannot tell whether it is there. A novel
    specimen has no composition to compare, and declared fibres that the model does not know are the
    judgement's to name.
    """
    known = {share.fibre for share in composition.shares}
    declared = [(line.fibre, line.percent) for line in label.fibres if line.percent > 0.0] if label else []
    found = [] if composition.novel else _present(composition)
    reasons = (
        *_outside_shares(validity, found),
        *_outside_shares(validity, [line for line in declared if line[0] in known]),
        *_outside_instruments(validity, spectrometer),
    )
    said: dict[tuple[ReasonCode, str], Reason] = {}
    for reason in reasons:
        said.setdefault((reason.code, reason.subject), reason)
    return tuple(said.values())


def _present(composition: Composition) -> list[tuple[str, float]]:
    return [
        (share.fibre, share.percent)
        for share in composition.shares
        if share.percent >= MARGIN_PERCENT or share.lo > _TRACE_PERCENT
    ]


def _outside_shares(validity: ValidityRange, blend: Sequence[tuple[str, float]]) -> Iterator[Reason]:
    percent_of = dict(blend)
    for fibres in [*combinations(percent_of, 1), *combinations(percent_of, 2)]:
        seen = validity.shares_of(*fibres)
        if seen is None:
            yield Reason(ReasonCode.BLEND_OUTSIDE_MODEL, "+".join(sorted(fibres)))
            continue
        for fibre, lo, hi in zip(seen.fibres, seen.lo, seen.hi, strict=True):
            percent = percent_of[fibre]
            nearest = min(max(percent, 100.0 * lo), 100.0 * hi)
            if abs(percent - nearest) > MARGIN_PERCENT:
                yield Reason(ReasonCode.SHARE_OUTSIDE_MODEL, fibre, percent, nearest)


def _outside_instruments(validity: ValidityRange, spectrometer: InstrumentIdentity) -> Iterator[Reason]:
    """Yield a reason if the type is not known; an emulator counts as what it stands for."""
    types = {instrument_type(spectrometer.kind), instrument_type(spectrometer.model)}
    if spectrometer.serial == VIRTUAL_SERIAL:
        types.add(VIRTUAL_MILL)
    if validity.instruments and not types & set(validity.instruments):
        yield Reason(ReasonCode.INSTRUMENT_OUTSIDE_MODEL, spectrometer.model or spectrometer.kind)
