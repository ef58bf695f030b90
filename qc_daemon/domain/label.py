"""The declared label: fibres with their shares, read from what is printed on it, in Chinese or English."""

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from qc_daemon.domain.errors import LabelError
from qc_daemon.domain.fibres import AMBIGUOUS_NAMES, FIBRE_CODES, FIBRE_NAMES, fibre_called

# Two shares are declared exactly; of three and more each may have been rounded to a whole number.
SUM_SLACK_PERCENT = 0.5
ROUNDED_SUM_SLACK_PERCENT = 1.0

_EXPECTED = 'expected fibre names with percentages, such as "cotton 60 polyester 40"'
# Quality and origin, which say nothing of the kind of fibre.
_QUALIFIERS = frozenset(
    [
        "organic",
        "recycled",
        "combed",
        "carded",
        "virgin",
        "new",
        "pure",
        "all",
        "merino",
        "lambs",
        "pima",
        "supima",
        "egyptian",
        "mercerised",
        "mercerized",
        "fine",
        "superfine",
        "extra",
        "filament",
        "staple",
        "micro",
        "textured",
        "bci",
        "fibre",
        "fiber",
        "fibres",
        "fibers",
        "yarn",
        "textile",
    ]
)
_QUALIFIERS_ZH = (
    "有机", "再生", "回收", "循环再生", "精梳", "长绒", "美利奴", "丝光", "超细", "新", "纯", "全", "优质",
    "天然", "水溶性",
)  # fmt: skip
_PURE = re.compile(r"(?:pure|all)\b|[纯全]")
_INTRODUCTION = re.compile(
    r"^\s*(?:成分|成份|纤维成分|纤维含量|面料成分|材质|composition|(?:fib(?:re|er) |fabric )?content"
    r"|materials?)\s*:?\s*(?=[\w(])"
)
# A garment's label may have a line for each of these; a specimen is a piece of one of them.
_PART = re.compile(
    r"(面料|里料|里布|填充物|填充料|罗纹|衣身|大身|袖子|袖里|底布|底组织|绒毛|绒面|缎带|口袋布|领子|配料)\s*\d?\s*:?"
    r"|\b(main fabric|outer fabric|outer shell|shell fabric|shell|outer|lining|sleeve lining|pocket lining"
    r"|filling|padding|wadding|rib|trim|trimming|body|sleeves?|face|back|pile|ground|base|upper|collar|contrast)"
    r"\s*\d?\s*:"
)
_REMARK = re.compile(
    r"[\s,;(]*(?:\b(?:exclusive of|excluding|except for|except)\b[^\d%]*"
    r"|[^\d%,;:\s]*(?:除外|不含装饰[^\d%]*))$"
)
_TOKEN = re.compile(
    r"\((?P<comment>[^()\d]*)\)"
    r"|(?P<number>(?:(?<!\S)[-−])?(?:\d+(?:\.\d+)?|\.\d+))\s*(?:%|per ?cent\b|pct\b)?"
    r"|(?P<name>[^\W\d_]+(?:[ '’-]{1,2}[^\W\d_]+)*)"
    r"|(?P<between>[\s,;:/\\、。+&|.•·=*()~_–—-])"
)
_AND = re.compile(r"(?<![^\W\d_])(?:and|with|plus|和|与|及)(?![^\W\d_])")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d{1,2}\s*%)")
_MARKS = str.maketrans({"【": " ", "】": " ", "[": " ", "]": " ", "®": None, "™": None, "℠": None})


@dataclass(frozen=True, slots=True)
class DeclaredFibre:
    """One line of a label: a fibre and its declared share in percent by mass."""

    fibre: str
    percent: float


@dataclass(frozen=True, slots=True)
class DeclaredLabel:
    """A declared composition that sums to 100 %, and the text that it was read from."""

    text: str
    fibres: tuple[DeclaredFibre, ...]

    def percent_of(self, fibre: str) -> float:
        """Return the declared share of `fibre` in percent; 0 if it is not declared."""
        return next((line.percent for line in self.fibres if line.fibre == fibre), 0.0)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["number", "name"]
    text: str
    start: int


def parse_label(text: str) -> DeclaredLabel:
    """Read a label: "60% cotton 40% polyester", "cotton 60 polyester 40", "60/40 棉/涤纶", "纯棉".

    Raises:
        LabelError: the text has another form, names several parts of a garment, a word is not a known
            fibre, a fibre stands twice, a share is negative, or the sum is not 100 %.
    """
    try:
        return DeclaredLabel(text, _checked(_fibres_of(_plain(text))))
    except LabelError as error:
        raise LabelError(f'label "{text}": {error}') from error


def format_label(fibres: Sequence[DeclaredFibre], language: Literal["zh", "en"]) -> str:
    """Return the text of a label that `parse_label` reads as these fibres."""
    lines = (
        (np.format_float_positional(line.percent, trim="-"), fibre_called(line.fibre)) for line in fibres
    )
    return " ".join(f"{share}%{f.zh}" if language == "zh" else f"{share}% {f.en}" for share, f in lines)


def _plain(text: str) -> str:
    """Return the text in half-width lower case, without trade marks, introduction and remarks."""
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS)).lower().strip()
    plain = _AND.sub("/", _DECIMAL_COMMA.sub(".", plain))
    plain = _REMARK.sub("", _INTRODUCTION.sub("", plain))
    parts = [match[1] or match[2] for match in _PART.finditer(plain)]
    if len(parts) > 1:
        raise LabelError(
            f"it describes {len(parts)} parts ({', '.join(parts)}); expected only the part that is inspected"
        )
    return _PART.sub("", plain, count=1)


def _fibres_of(plain: str) -> list[DeclaredFibre]:
    tokens = list(_tokens(plain))
    kinds = "".join("9" if token.kind == "number" else "a" for token in tokens)
    names = [token.text for token in tokens if token.kind == "name"]
    numbers = [_share(token.text) for token in tokens if token.kind == "number"]
    if kinds == "a" and _PURE.match(names[0]):
        numbers = [100.0]
    elif not _is_a_label(kinds):
        raise LabelError(f'cannot read "{_unreadable(plain, tokens, kinds)}"; {_EXPECTED}')
    return [DeclaredFibre(_fibre_named(name), share) for name, share in zip(names, numbers, strict=True)]


def _tokens(plain: str) -> Iterator[_Token]:
    position = 0
    name, after_name = "", False
    while position < len(plain):
        match = _TOKEN.match(plain, position)
        if match is None:
            raise LabelError(f'cannot read "{plain[position:]}"; {_EXPECTED}')
        if match["number"] is not None:
            yield _Token("number", match["number"], position)
        elif match["name"] is not None:
            if not (after_name and _same_fibre(name, match["name"])):  # "棉/Cotton 60%" says it twice
                yield _Token("name", match["name"], position)
            name = match["name"]
        elif match["comment"]:
            _require_same_fibre(name, match["comment"].strip())
        after_name = match["number"] is None and (after_name or match["name"] is not None)
        position = match.end()


def _is_a_label(kinds: str) -> bool:
    """Tell whether numbers ("9") and names ("a") alternate, or all of one precede all of the other."""
    half = len(kinds) // 2
    orders = ("9a" * half, "a9" * half, "9" * half + "a" * half, "a" * half + "9" * half)
    return half > 0 and kinds in orders


def _unreadable(plain: str, tokens: Sequence[_Token], kinds: str) -> str:
    """Return the text from where numbers and names no longer alternate."""
    breaks = (i for i in range(1, len(kinds)) if kinds[i] == kinds[i - 1])
    last = len(kinds) - 1
    return plain[tokens[next(breaks, max(last, 0))].start :] if tokens else plain


def _share(number: str) -> float:
    if number[0] in "-−":
        raise LabelError(f"a share is negative ({number} %); expected 0 to 100 %")
    return float(number)


def _fibre_named(name: str) -> str:
    fibre = _known_fibre(name)
    if fibre is not None:
        return fibre
    meanings = AMBIGUOUS_NAMES.get(name)
    if meanings:
        raise LabelError(f'"{name}" does not say which fibre it is; expected one of {", ".join(meanings)}')
    near = difflib.get_close_matches(name, FIBRE_NAMES, n=1, cutoff=0.7)
    advice = (
        f'did you mean "{near[0]}"?' if near else "expected a generic name (docs/judgement.md lists them)"
    )
    raise LabelError(f'"{name}" is not a known fibre; {advice}')


def _known_fibre(name: str) -> str | None:
    words = name.replace("-", " ").split()
    while len(words) > 1 and words[0] in _QUALIFIERS:
        words.pop(0)
    while len(words) > 1 and words[-1] in _QUALIFIERS:
        words.pop()
    for phrase in (name, " ".join(words), "".join(words)):
        fibre = FIBRE_NAMES.get(phrase) or FIBRE_CODES.get(phrase)
        if fibre is not None:
            return fibre
    fibres = {_known_fibre(word) for word in words} if len(words) > 1 else set()
    if len(fibres) == 1:  # "棉 cotton"
        return fibres.pop()
    rest = (name.removeprefix(word) for word in _QUALIFIERS_ZH if name.startswith(word))
    return next((fibre for fibre in map(_known_fibre, rest) if fibre is not None), None)


def _same_fibre(name: str, other: str) -> bool:
    fibre = _known_fibre(name)
    return fibre is not None and fibre == _known_fibre(other)


def _require_same_fibre(name: str, comment: str) -> None:
    """Refuse "polyester (nylon)"; a comment that names no fibre explains, and is left out."""
    fibre = _known_fibre(comment)
    if fibre is not None and name and fibre != _fibre_named(name):
        raise LabelError(f'"{name}" and "{comment}" are different fibres; expected one name for each share')


def _checked(fibres: Sequence[DeclaredFibre]) -> tuple[DeclaredFibre, ...]:
    names = [line.fibre for line in fibres]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LabelError(f"{twice} is declared twice; expected each fibre once")
    total = sum(line.percent for line in fibres)
    slack = ROUNDED_SUM_SLACK_PERCENT if len(fibres) > 2 else SUM_SLACK_PERCENT
    if abs(total - 100.0) > slack:
        raise LabelError(f"shares sum to {total:.10g} %; expected 100 %")
    return tuple(fibres)
