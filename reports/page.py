"""What one page of a certificate says, in one language: every word and figure, no layout."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from qc_daemon.domain.composition import Composition, FibreShare
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import Acquisition, Conclusion, Defect
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.spectrum import Spectrum
from qc_daemon.domain.surroundings import Surroundings
from qc_daemon.domain.verdict import Outcome
from reports import certificate_wording as wording
from reports.provenance import (
    Fact,
    hash_facts,
    identifier_facts,
    identity_facts,
    instrument_facts,
    rule_facts,
    signature_lines,
)
from reports.reason_wording import reason_sentence
from reports.shares import (
    JudgedShares,
    ShareLine,
    as_judged,
    largest_difference_pp,
    named_shares,
    share_lines,
    uncleaned_as_judged,
)
from reports.wording import COMMA, OUTCOMES, SEPARATOR, Language, fibre_name, term

_LISTED_DEFECTS = 12  # more of them would push the provenance off the page


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """One page; texts are ready to print.

    Attributes:
        headings: fixed words of the layout by key.
        verdict: the outcome in this language.
        other_verdict: the outcome in the other language, for whoever reads only that one.
        advice: what the outcome means, in one sentence.
        simulated: that no real fabric was measured; empty for a real instrument.
        shares: empty when nothing was inferred; `shares_notes` says so.
        defects: a line each, in the order of the numbered boxes, one for many more, or why there is none.
        defects_listed: how many have a line and a number.
    """

    language: Language
    headings: Mapping[str, str]
    verdict: str
    other_verdict: str
    advice: str
    simulated: str
    identity: tuple[Fact, ...]
    shares: tuple[ShareLine, ...]
    shares_notes: tuple[str, ...]
    reasons: tuple[str, ...]
    spectrum_note: str
    micrograph_notes: tuple[str, ...]
    defects: tuple[str, ...]
    defects_listed: int
    instruments: tuple[Fact, ...]
    rules: tuple[Fact, ...]
    identifiers: tuple[Fact, ...]
    hashes: tuple[Fact, ...]
    limits: tuple[str, ...]
    signatures: tuple[str, ...]


def certificate_page(
    acquisition: Acquisition,
    conclusion: Conclusion,
    spectrum: Spectrum | None,
    surroundings: Surroundings,
    station_name: str,
    language: Language,
) -> CertificatePage:
    """Put an inspection into words."""
    composition, verdict = conclusion.composition, conclusion.verdict
    label = acquisition.specimen.label
    judged = as_judged(composition, label, conclusion.tolerance) if composition else None
    shares = share_lines(judged.shares, label, conclusion.tolerance, verdict, language) if judged else ()
    return CertificatePage(
        language=language,
        headings=_headings(composition, language),
        verdict=OUTCOMES[verdict.outcome].of(language),
        other_verdict=OUTCOMES[verdict.outcome].of("en" if language == "zh" else "zh"),
        advice=_advice(conclusion, language),
        simulated=wording.SIMULATED.of(language) if acquisition.spectrometer.simulated else "",
        identity=tuple(identity_facts(acquisition, conclusion, station_name, language)),
        shares=tuple(shares),
        shares_notes=tuple(_shares_notes(composition, judged, conclusion.tolerance, language)),
        reasons=tuple(reason_sentence(reason, language) for reason in verdict.reasons),
        spectrum_note=_spectrum_note(spectrum, composition, language),
        micrograph_notes=(
            *_micrograph_notes(conclusion, surroundings, language),
            *_uncleaned_note(judged, uncleaned_as_judged(conclusion, label), language),
        ),
        defects=tuple(_defects(conclusion, surroundings, language)),
        defects_listed=min(len(conclusion.defects), _LISTED_DEFECTS),
        instruments=tuple(instrument_facts(acquisition, surroundings, language)),
        rules=tuple(rule_facts(conclusion, language)),
        identifiers=tuple(identifier_facts(acquisition, conclusion, surroundings, language)),
        hashes=tuple(hash_facts(acquisition, surroundings, language)),
        limits=tuple(_limits(composition, language)),
        signatures=tuple(signature_lines(surroundings, language)),
    )


def _headings(composition: Composition | None, language: Language) -> Mapping[str, str]:
    headings = {key: words.of(language) for key, words in wording.HEADINGS.items()}
    coverage = composition.interval_coverage if composition else 0.0
    return headings | {"interval": headings["interval"].format(percent=100.0 * coverage)}


def _advice(conclusion: Conclusion, language: Language) -> str:
    verdict = conclusion.verdict
    words = wording.ADVICE[verdict.outcome]
    if verdict.outcome is Outcome.REFER:
        if any(reason.blocks_inference for reason in verdict.reasons):
            words = wording.MEASURE_AGAIN
        elif any(reason.code is ReasonCode.NO_LABEL for reason in verdict.reasons):
            words = wording.ENTER_LABEL
    return words.of(language)


def _shares_notes(
    composition: Composition | None, judged: JudgedShares | None, tolerance: Tolerance, language: Language
) -> Iterator[str]:
    if composition is None or judged is None:
        yield wording.NO_SHARES.of(language)
        return
    yield wording.SHARES_KEY.of(language)
    yield wording.SHARES_NOTE.of(language).format(
        basis=term(judged.basis, language),
        main=fibre_name(composition.main_fibre, language),
        novelty=composition.novelty,
        limit=composition.novelty_limit,
    )
    if judged.basis != composition.basis:
        yield wording.CONVERTED.of(language).format(basis=term(composition.basis, language))
    if tolerance.undeclared_left_out and judged.shares != composition.shares:
        yield wording.LEFT_OUT.of(language)


def _spectrum_note(spectrum: Spectrum | None, composition: Composition | None, language: Language) -> str:
    if spectrum is None:
        return wording.NO_SPECTRUM.of(language)
    return wording.SPECTRUM_NOTE.of(language) if composition else ""


def _micrograph_notes(
    conclusion: Conclusion, surroundings: Surroundings, language: Language
) -> Iterator[str]:
    image, composition = conclusion.cleaned, conclusion.composition
    retired = surroundings.retired_image
    if image is None and retired is not None:
        yield wording.IMAGE_RETIRED.of(language).format(
            date=f"{retired.retired_at.astimezone(UTC):%Y-%m-%d}", rule=retired.rule, sha256=retired.sha256
        )
        return
    if image is None:
        yield (wording.NO_MICROGRAPH_BUT_SHARES if composition else wording.NO_MICROGRAPH).of(language)
        return
    yield _debris_note(image, language)
    if composition is not None and composition.evidence.region_kept.any():
        yield wording.REGIONS_NOTE.of(language)


def _debris_note(image: CleanedImage, language: Language) -> str:
    if not image.debris_mask.any():
        return wording.NO_DEBRIS_NOTE.of(language)
    return wording.DEBRIS_NOTE.of(language).format(method=image.method, percent=image.filled_percent)


def _uncleaned_note(
    judged: JudgedShares | None, uncleaned: Sequence[FibreShare], language: Language
) -> Iterator[str]:
    if judged is not None and uncleaned:
        yield wording.UNCLEANED.of(language).format(
            shares=named_shares(uncleaned, language), most=largest_difference_pp(uncleaned, judged.shares)
        )


def _defects(conclusion: Conclusion, surroundings: Surroundings, language: Language) -> Iterator[str]:
    """Yield a line for each defect, in the order of the numbered boxes; only the first of very many."""
    if conclusion.cleaned is None and surroundings.retired_image is None:
        yield wording.NO_DEFECT_SEARCH.of(language)
    elif not conclusion.defects:
        yield wording.NO_DEFECTS.of(language)
    lines = [_defect(number, defect, language) for number, defect in enumerate(conclusion.defects, 1)]
    yield from lines[:_LISTED_DEFECTS]
    rest = conclusion.defects[_LISTED_DEFECTS:]
    if rest:
        yield wording.MORE_DEFECTS.of(language).format(count=len(rest), kinds=_kinds(rest, language))


def _kinds(defects: Sequence[Defect], language: Language) -> str:
    counts = Counter(defect.kind for defect in defects)
    return COMMA.of(language).join(
        wording.DEFECTS_OF_KIND.of(language).format(kind=term(kind, language), count=count)
        for kind, count in counts.most_common()
    )


def _defect(number: int, defect: Defect, language: Language) -> str:
    return wording.DEFECT.of(language).format(
        number=number,
        kind=term(defect.kind, language),
        severity=term(defect.severity, language),
        area=defect.area_mm2,
        confidence=defect.confidence,
    )


def _limits(composition: Composition | None, language: Language) -> Iterator[str]:
    for words in wording.LIMITS:
        yield words.of(language)
    if composition is not None:
        known = [fibre_name(share.fibre, language) for share in composition.shares]
        fibres = SEPARATOR.of(language).join(known)
        yield wording.MODEL_FIBRES.of(language).format(fibres=fibres)
