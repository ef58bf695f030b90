"""What a model was trained on, and what of an inspection lies outside of that.

Seen are the fibres and pairs of fibres of pieces of fabric and the shares that they had, kept apart by
the type of instrument that measured them: what was simulated says nothing of what is measured, nor one
type of instrument of another. Blends that training computes from two spectra are not counted: any pair
can be computed, but no interval was ever checked on one. The wavelength axis is the manifest's grid.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from qc_daemon.domain.composition import Composition
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import REPLAYED_SERIAL, VIRTUAL_SERIAL, InstrumentIdentity

VIRTUAL_MILL = "virtual"  # the instrument that a simulated dataset names
UNNAMED = ""  # the type of instrument of rows that do not say what measured them
# Makes of one fibre differ in finish, dye and weave. One specimen shows no difference and two no spread of
# them; a model that learnt one wool swatch failed every scan of an honest wool garment.
LEAST_SPECIMENS = 3
# The tolerance of GB/T 29862-2013: labels, and so the shares that training saw, are no finer.
MARGIN_PERCENT = 5.0
# A predicted fibre is there if its share is beyond the margin, or surely more than a trace.
_TRACE_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class SeenShares:
    """A nearly pure fibre, or a pair of fibres in one specimen, as one type of instrument saw it.

    A pair whose compositions lie far apart has several, one for those that lie near each other.

    Attributes:
        fibres: one or two.
        lo, hi: least and largest share 0..1 of each.
        specimens: how many pieces of fabric.
        instrument: type that measured them (`instrument_type`), `UNNAMED` if that is not known; so are all
            in a checkpoint that was made before instruments were told apart, and its lone fibres count
            blends as well.
    """

    fibres: tuple[str, ...]
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    specimens: int
    instrument: str = UNNAMED


@dataclass(frozen=True, slots=True)
class ValidityRange:
    """What training saw.

    Attributes:
        seen: every nearly pure fibre and every pair of fibres that a specimen held, by type of instrument.
        instruments: types of instruments; () if a training row does not say, and none is compared.
    """

    seen: tuple[SeenShares, ...]
    instruments: tuple[str, ...]

    def seen_by(self, spectrometer: InstrumentIdentity) -> tuple[SeenShares, ...] | None:
        """Return what may be compared with a spectrometer's specimen, or None if its type is not known.

        That is what its own type saw, or else what was seen by instruments that are not named.
        """
        types = _types_of(spectrometer)
        if self.instruments and not set(types) & set(self.instruments):
            return None
        named = {seen.instrument for seen in self.seen}
        own = next((name for name in types if name in named), UNNAMED)
        return tuple(seen for seen in self.seen if seen.instrument == own)


def instrument_type(text: str) -> str:
    """Return the type that a text on an instrument names: "NIRscan Nano 6460024" is "nirscan-nano".

    A last word that holds a digit is a serial number, and so are those of emulators: what one showed of
    virtual fabric is of the mill, what it replayed is of the instrument that it stands for.
    """
    words = text.split()
    serial = words[-1] if len(words) > 1 else ""
    if serial == VIRTUAL_SERIAL:
        return VIRTUAL_MILL
    if serial == REPLAYED_SERIAL or any(letter.isdigit() for letter in serial):
        words.pop()
    return "-".join(words).lower()


def outside_range(
    validity: ValidityRange,
    composition: Composition,
    label: DeclaredLabel | None,
    spectrometer: InstrumentIdentity,
) -> tuple[Reason, ...]:
    """Return what lies outside the range: what was found, what was declared, and the instrument.

    The declared blend counts as well: a model that never saw it cannot tell whether it is there. A novel
    specimen has no composition to compare, and a label with fibres that the model does not know is the
    judgement's to refuse.
    """
    seen = validity.seen_by(spectrometer)
    if seen is None:
        return (Reason(ReasonCode.INSTRUMENT_OUTSIDE_MODEL, _called(spectrometer)),)
    known = {share.fibre for share in composition.shares}
    declared = [(line.fibre, line.percent) for line in label.fibres if line.percent > 0.0] if label else []
    blends = [
        [] if composition.novel else _present(composition),
        declared if known.issuperset(dict(declared)) else [],
    ]
    said: dict[tuple[ReasonCode, str], Reason] = {}
    for reason in (reason for blend in blends for reason in _outside_seen(seen, blend)):
        said.setdefault((reason.code, reason.subject), reason)
    return tuple(said.values())


def _present(composition: Composition) -> list[tuple[str, float]]:
    return [
        (share.fibre, share.percent)
        for share in composition.shares
        if share.percent >= MARGIN_PERCENT or share.lo > _TRACE_PERCENT
    ]


def _outside_seen(seen: Sequence[SeenShares], blend: Sequence[tuple[str, float]]) -> Iterator[Reason]:
    """Yield why a lone fibre, or each pair of a blend, lies outside of what was seen."""
    percent_of = dict(blend)
    for fibres in combinations(percent_of, 1 if len(percent_of) == 1 else 2):
        subject = "+".join(sorted(fibres))
        ranges = [shares for shares in seen if set(shares.fibres) == set(fibres)]
        if not ranges:
            yield Reason(ReasonCode.BLEND_OUTSIDE_MODEL, subject)
            continue
        shares = min(ranges, key=lambda one: max(map(abs, _beyond(one, percent_of))))
        if shares.specimens < LEAST_SPECIMENS:
            yield Reason(ReasonCode.TOO_FEW_LEARNT, subject, float(shares.specimens), float(LEAST_SPECIMENS))
        else:
            yield from _outside_shares(shares, percent_of)


def _outside_shares(seen: SeenShares, percent_of: Mapping[str, float]) -> Iterator[Reason]:
    for fibre, beyond in zip(seen.fibres, _beyond(seen, percent_of), strict=True):
        if abs(beyond) > MARGIN_PERCENT:
            percent = percent_of[fibre]
            yield Reason(ReasonCode.SHARE_OUTSIDE_MODEL, fibre, percent, percent - beyond)


def _beyond(seen: SeenShares, percent_of: Mapping[str, float]) -> tuple[float, ...]:
    """Return by how many points each share is above what was seen, below it (negative), or 0."""
    return tuple(
        percent_of[fibre] - min(max(percent_of[fibre], 100.0 * lo), 100.0 * hi)
        for fibre, lo, hi in zip(seen.fibres, seen.lo, seen.hi, strict=True)
    )


def _types_of(spectrometer: InstrumentIdentity) -> tuple[str, ...]:
    """Return the types that a spectrometer goes by, the closest first.

    Virtual fabric is of the mill, whatever emulator shows it; a recording is of what it was recorded with.
    """
    if spectrometer.serial == VIRTUAL_SERIAL:
        return (VIRTUAL_MILL,)
    return tuple(instrument_type(text) for text in (spectrometer.model, spectrometer.kind) if text)


def _called(spectrometer: InstrumentIdentity) -> str:
    if spectrometer.serial == VIRTUAL_SERIAL:
        return VIRTUAL_MILL
    return spectrometer.model or spectrometer.kind
