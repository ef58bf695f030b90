"""Compares a stored conclusion with the one that the stored bytes give now.

Equal software on an equal runtime must answer bit for bit alike. Another version or runtime rounds
otherwise; then the verdict must still be the same, and figures may differ by the tolerances below.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.composition import Composition, FibreShare
from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import Conclusion, Defect
from qc_daemon.domain.judge_settings import judge_settings

# Half of the last digit that a certificate prints.
SHARE_TOLERANCE_PP = 0.05
# Float32 against float16 or another order of sums; the parity of runtimes is held to 1e-3.
RELATIVE_TOLERANCE = 1e-3
GREY_TOLERANCE = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise: as stored, and as drawn again."""

    what: str
    stored: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of drawing a conclusion again.

    Attributes:
        exact: whether bit for bit was asked, because software and runtime are the same.
        differences: empty if it came out as stored.
    """

    exact: bool
    differences: tuple[Difference, ...]


def compare(stored: Conclusion, replayed: Conclusion) -> Replay:
    """Compare a conclusion with the one that its facts, models, rule and settings give now.

    Both must have been drawn by the same models; those of others cannot be compared.
    """
    exact = _same_makers(stored, replayed)
    return Replay(exact, tuple(_differences(stored, replayed, exact)))


def _same_makers(stored: Conclusion, replayed: Conclusion) -> bool:
    return (_runtime(stored), stored.software_version) == (_runtime(replayed), replayed.software_version)


def _runtime(conclusion: Conclusion) -> str | None:
    """Return what computed; None for conclusions of software that did not keep it."""
    try:
        return judge_settings(conclusion.settings).runtime
    except IntegrityError:
        return None


def _differences(stored: Conclusion, replayed: Conclusion, exact: bool) -> Iterator[Difference]:
    yield from _named("outcome", stored.verdict.outcome.value, replayed.verdict.outcome.value)
    reasons = [[(one.code.value, one.subject) for one in each.verdict.reasons] for each in (stored, replayed)]
    yield from _named("reasons", *reasons)
    if exact:
        yield from _named("figures of the reasons", stored.verdict.reasons, replayed.verdict.reasons)
        yield from _named("shares without cleaning", stored.uncleaned, replayed.uncleaned)
    yield from _of_composition(stored.composition, replayed.composition, exact)
    yield from _of_image(stored.cleaned, replayed.cleaned, exact)
    yield from _of_defects(stored.defects, replayed.defects, exact)


def _of_composition(
    stored: Composition | None, replayed: Composition | None, exact: bool
) -> Iterator[Difference]:
    if stored is None or replayed is None:
        yield from _named("composition", stored is not None, replayed is not None)
        return
    for what in ("main_fibre", "basis", "interval_coverage"):
        yield from _named(what, getattr(stored, what), getattr(replayed, what))
    for one, other in zip_longest(stored.shares, replayed.shares):
        if one is None or other is None or one.fibre != other.fibre:
            yield Difference("fibres", str(one), str(other))
            return
        slack_pp = 0.0 if exact else SHARE_TOLERANCE_PP
        if any(
            abs(a - b) > slack_pp
            for a, b in ((one.percent, other.percent), (one.lo, other.lo), (one.hi, other.hi))
        ):
            yield Difference(f"share of {one.fibre}", _share(one), _share(other))
    for what in ("novelty", "novelty_limit"):
        yield from _figure(what, getattr(stored, what), getattr(replayed, what), exact)
    for what in ("region_scores", "region_kept", "window_edges_nm", "window_weights"):
        name = f"evidence: {what}"
        yield from _array(name, getattr(stored.evidence, what), getattr(replayed.evidence, what), exact)


def _share(share: FibreShare) -> str:
    return f"{share.percent!r} ({share.lo!r} to {share.hi!r})"


def _of_image(
    stored: CleanedImage | None, replayed: CleanedImage | None, exact: bool
) -> Iterator[Difference]:
    if stored is None or replayed is None:
        yield from _named("cleaned image", stored is not None, replayed is not None)
        return
    yield from _named("cleaning method", stored.method, replayed.method)
    yield from _array("debris mask", stored.debris_mask, replayed.debris_mask, exact=True)
    if stored.pixels.shape != replayed.pixels.shape:
        yield Difference("size of the image", str(stored.pixels.shape), str(replayed.pixels.shape))
        return
    worst = int(np.abs(stored.pixels.astype(np.int16) - replayed.pixels.astype(np.int16)).max(initial=0))
    if worst > (0 if exact else GREY_TOLERANCE):
        yield Difference("filled pixels", "as stored", f"up to {worst} grey levels off")


def _of_defects(
    stored: tuple[Defect, ...], replayed: tuple[Defect, ...], exact: bool
) -> Iterator[Difference]:
    if exact:
        yield from _named("defects", stored, replayed)
    else:
        yield from _named("kinds of defects", *([one.kind for one in each] for each in (stored, replayed)))


def _named(what: str, stored: object, replayed: object) -> Iterator[Difference]:
    if stored != replayed:
        yield Difference(what, str(stored), str(replayed))


def _figure(what: str, stored: float, replayed: float, exact: bool) -> Iterator[Difference]:
    slack = 0.0 if exact else RELATIVE_TOLERANCE * max(abs(stored), 1.0)
    if stored != replayed and not abs(stored - replayed) <= slack:
        yield Difference(what, repr(stored), repr(replayed))


def _array(
    what: str, stored: NDArray[np.generic], replayed: NDArray[np.generic], exact: bool
) -> Iterator[Difference]:
    if stored.shape != replayed.shape or stored.dtype != replayed.dtype:
        yield Difference(what, f"{stored.dtype} {stored.shape}", f"{replayed.dtype} {replayed.shape}")
    elif exact or stored.dtype == np.bool_:
        count = int(np.count_nonzero(stored != replayed))
        if count:
            yield Difference(what, "as stored", f"{count} of {stored.size} values differ")
    elif not np.allclose(stored, replayed, rtol=RELATIVE_TOLERANCE, atol=RELATIVE_TOLERANCE, equal_nan=True):
        yield Difference(what, "as stored", f"beyond {RELATIVE_TOLERANCE}")
