"""What the pages of a certificate must say, told from its attached record alone.

It reads the record as anyone may who has nothing but the file, and words it anew; the layout takes no part.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qc_daemon.domain.composition import UNKNOWN, FibreShare
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.verdict import Outcome
from reports.fonts import printable
from reports.provenance import utc
from reports.reason_wording import reason_sentence
from reports.shares import named_shares
from reports.wording import OUTCOMES, Language, fibre_name, term

_SHOWN_DEFECTS = 12  # as many as a page lists


@dataclass(frozen=True, slots=True)
class Expected:
    """Something that a page must say: what it is of, and pieces of text that follow one another closely."""

    what: str
    pieces: tuple[str, ...]

    def is_said_in(self, text: str) -> bool:
        """Tell whether a text without spaces says it."""
        pattern = ".{0,60}?".join(re.escape(squeezed(piece)) for piece in self.pieces)
        return re.search(pattern, text) is not None


def unsaid(pages: Mapping[Language, str], expected_in: Callable[[Language], Iterator[Expected]]) -> list[str]:
    """Return, in words, what the text of the pages of each language should say and does not."""
    return [
        f'page in {language}: {expected.what}: expected "{" ".join(expected.pieces)}" as in the record'
        for language, text in pages.items()
        for expected in expected_in(language)
        if not expected.is_said_in(text)
    ]


def squeezed(text: str) -> str:
    """Return a text without anything that a layout may add or drop: spaces and places to break."""
    return re.sub(r"[\s\u200b\u00ad]+", "", text)


def expected_texts(record: dict[str, Any], language: Language) -> Iterator[Expected]:
    """Yield what a page in `language` must say.

    Raises:
        KeyError, TypeError, ValueError: the record is not one of a certificate.
    """
    acquisition, conclusion = record["acquisition"], record["conclusion"]
    yield said("number", str(record["number"]))
    verdict = OUTCOMES[Outcome(conclusion["verdict"])]
    other: Language = "en" if language == "zh" else "zh"
    yield said("verdict", verdict.of(language), verdict.of(other))
    yield from _identity(record["station"], acquisition, conclusion)
    if conclusion["composition"] is not None:
        yield from _shares(conclusion["composition"], conclusion["judged"], language)
    for reason in conclusion["reasons"]:
        code = ReasonCode(reason["code"])
        yield said(f"reason {code.value}", reason_sentence(Reason(**{**reason, "code": code}), language))
    for number, defect in enumerate(conclusion["defects"][:_SHOWN_DEFECTS], 1):
        yield said(
            f"defect {number}", f"{number}. {term(defect['kind'], language)}", f"{defect['area_mm2']:.3g} mm²"
        )
    if uncleaned := conclusion.get("uncleaned"):  # certificates of before have none
        shares = [FibreShare(**share) for share in uncleaned]
        yield said("shares without cleaning", named_shares(shares, language))
    yield from _hashes(record, language)


def _identity(station: str, acquisition: dict[str, Any], conclusion: dict[str, Any]) -> Iterator[Expected]:
    for name in ("specimen", "lot", "roll"):
        if acquisition[name]:
            yield said(name, acquisition[name])
    yield said("position", f"{acquisition['position_m']:.2f} m")
    if acquisition["label"] is not None:
        yield said("declared label", acquisition["label"]["text"])
    yield said("station", station)
    yield said("time of the measurement", utc(moment(acquisition["triggered_at"])))
    yield said("time of the conclusion", utc(moment(conclusion["concluded_at"])))
    yield said("serial of the spectrometer", acquisition["spectrometer"]["serial"] or "—")
    yield said("rule", conclusion["tolerance"]["clause"])
    for model in conclusion["models"]:
        yield said(f"model {model['role']}", f"{model['name']} · {model['digest'][:12]}")
    yield said("software", conclusion["software_version"])


def _shares(composition: dict[str, Any], judged: dict[str, Any], language: Language) -> Iterator[Expected]:
    yield said("mass basis", term(judged["basis"], language))
    main = composition["main_fibre"]
    if main != UNKNOWN:
        yield said("main fibre", fibre_name(main, language))
    for share in judged["shares"]:
        yield said(
            f"share of {share['fibre']}",
            fibre_name(share["fibre"], language),
            f"{share['percent']:.1f}",
            f"{share['lo']:.1f} – {share['hi']:.1f}",
        )


def _hashes(record: dict[str, Any], language: Language) -> Iterator[Expected]:
    acquisition, surroundings = record["acquisition"], record["surroundings"]
    yield said("acquisition", acquisition["id"])
    yield said("conclusion", record["conclusion"]["id"])
    yield said("SHA-256 of the scan", acquisition["scan"]["sha256"])
    for what in ("frame", "white"):
        if acquisition[what] is not None:
            found = acquisition[what]
            yield said(f"SHA-256 of the {what}", found.get("sha256") or found["scan"]["sha256"])
    if surroundings["ledger"] is not None:
        yield said("head of the ledger", surroundings["ledger"]["sha256"])
    for signature in surroundings["signatures"]:
        meaning = term(signature["meaning"], language)
        yield said("signature", signature["who"], meaning, utc(moment(signature["signed_at"])))


def said(what: str, *pieces: str) -> Expected:
    """Return that a page must say these pieces, as far as its fonts can print them."""
    return Expected(what, tuple(printable(piece) for piece in pieces))


def moment(text: str) -> datetime:
    """Return the aware time of a record."""
    return datetime.fromisoformat(text)
