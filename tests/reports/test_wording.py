import re
from pathlib import Path

import pytest

from qc_daemon.domain.fibres import FIBRE_NAMES
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.verdict import Outcome
from reports import certificate_wording, fonts, provenance_wording, reason_wording, wording
from reports.reason_wording import reason_sentence
from reports.wording import LANGUAGES, Words, fibre_name, term

TEMPLATES = Path(wording.__file__).parent / "templates"
WORDING = (wording, reason_wording, certificate_wording, provenance_wording)
CJK = re.compile("[\u4e00-\u9fa5]")


def all_words():
    values = [value for room in WORDING for value in vars(room).values()]
    for value in values:
        entries = (
            value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else [value]
        )
        for entry in entries:
            yield from (w for w in (entry if isinstance(entry, tuple) else [entry]) if isinstance(w, Words))


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_has_a_sentence_in_both_languages_with_its_figures(code):
    with_figures = Reason(code, "wool", 41.25, 38.75)
    zh, en = (reason_sentence(with_figures, language) for language in LANGUAGES)
    assert CJK.search(zh), zh
    assert not CJK.search(en), en
    assert zh.endswith("。"), zh
    assert en.endswith("."), en
    assert "{" not in zh + en
    bare = reason_sentence(Reason(code, "wool"), "en")
    assert bare.endswith("."), bare
    assert not re.search(r"\d", bare), f"a figure that nobody measured: {bare}"


def test_figures_of_a_reason_name_value_and_limit():
    said = reason_sentence(Reason(ReasonCode.OUTSIDE_TOLERANCE, "cotton", -15.93, 5.0), "en")
    assert said == "Cotton: outside tolerance (deviation -15.9 pp, allowed ±5.0 pp)."


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_word_and_advice_in_both_languages(outcome):
    for words in (wording.OUTCOMES[outcome], certificate_wording.ADVICE[outcome]):
        assert CJK.search(words.zh)
        assert words.en
        assert not CJK.search(words.en)


@pytest.mark.parametrize("fibre", sorted(set(FIBRE_NAMES.values())))
def test_every_fibre_that_a_label_may_name_has_a_chinese_and_an_english_name(fibre):
    assert CJK.search(fibre_name(fibre, "zh"))
    assert fibre_name(fibre, "en").lower() == fibre


def test_a_fibre_or_kind_that_nobody_listed_keeps_its_own_name():
    assert fibre_name("basalt", "zh") == "basalt"
    assert term("broken_pick", "en") == "broken pick"


def test_both_languages_of_a_text_have_the_same_fields():
    field = re.compile(r"\{(\w+)")
    for words in all_words():
        assert set(field.findall(words.zh)) == set(field.findall(words.en)), words


def test_all_fixed_words_can_be_printed_without_reading_a_font(monkeypatch):
    monkeypatch.setattr(fonts, "_covered", lambda: frozenset())
    for words in all_words():
        assert fonts.printable(words.zh + words.en) == " ".join((words.zh + words.en).split())


def test_the_template_uses_every_heading_and_no_other():
    templates = [(TEMPLATES / name).read_text() for name in ("certificate.typ", "look.typ")]
    used = set(re.findall(r"(?:heads|headings)\.(?!at\b)(\w+)", "".join(templates)))
    assert used == set(certificate_wording.HEADINGS)


def test_characters_that_are_taken_for_covered_are_in_the_font():
    signs = [chr(c) for first, last in fonts._SURE_RANGES for c in range(ord(first), ord(last) + 1)]
    missing = [c for c in (*signs, *fonts._SURE_SIGNS, fonts._MISSING) if ord(c) not in fonts._covered()]
    assert missing == []


def test_a_character_without_a_glyph_is_printed_as_a_box_and_breaks_as_one_line():
    assert fonts.printable("Lot 7 😀\n棉 é") == "Lot 7 □ 棉 é"
