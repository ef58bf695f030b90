"""Lines out of bytes, and codes out of lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.line.barcodes import (
    LONGEST,
    CheckDigit,
    Code,
    CodeRule,
    Garbage,
    LineParser,
    Refused,
)

ANYTHING = CodeRule(".+", CheckDigit.NONE)


def parsed(*pieces: bytes) -> list[str | Garbage]:
    parser = LineParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r\n"])
def test_a_code_ends_with_any_usual_line_end(end: bytes) -> None:
    assert parsed(b"R-1" + end + b"R-2" + end) == ["R-1", "R-2"]


def test_bytes_that_are_no_text_are_counted_and_the_next_code_is_read() -> None:
    assert parsed(b"\x00\xff\x07\rR-1\r") == [Garbage(3), "R-1"]


def test_a_line_without_end_is_thrown_away_in_bounded_pieces() -> None:
    parser = LineParser()
    events = parser.feed(b"x" * 1_000_000)
    assert {event.count for event in events if isinstance(event, Garbage)} == {LONGEST + 1}
    events += parser.feed(b"\rR-1\r")
    assert events[-1] == "R-1"
    assert sum(event.count for event in events if isinstance(event, Garbage)) == 1_000_000


def test_the_longest_line_is_still_read() -> None:
    assert parsed(b"x" * LONGEST + b"\r") == ["x" * LONGEST]


def test_a_fragment_before_a_silence_does_not_spoil_the_next_code() -> None:
    parser = LineParser()
    assert parser.feed(b"R-00") == []
    assert parser.pending
    assert parser.give_up() == [Garbage(4)]
    assert parser.feed(b"R-1\r") == ["R-1"]


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_any_split_of_the_stream_gives_the_same_and_no_byte_is_lost(pieces: list[bytes]) -> None:
    whole = b"".join(pieces) + b"\r"
    events = parsed(*pieces, b"\r")
    assert events == parsed(*(bytes((byte,)) for byte in whole)) == parsed(whole)
    text = sum(event.count if isinstance(event, Garbage) else len(event) for event in events)
    assert text == len(whole) - whole.count(b"\r") - whole.count(b"\n")


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (CheckDigit.MOD10, "6291041500213"),  # the worked example of GS1's page on check digits
        (CheckDigit.MOD10, "376104250021234569"),  # SSCC, 18 digits, of the same page
        (CheckDigit.MOD10, "96385074"),  # an EAN-8
        (CheckDigit.MOD43, "159AZH"),  # 1+5+9+10+35 = 60 = 43 + 17, and H is 17
        (CheckDigit.NONE, "whatever you like"),
    ],
)
def test_a_right_check_character_is_accepted(check: CheckDigit, text: str) -> None:
    assert CodeRule(".+", check).read(text) == Code(text, "", text, "")


@pytest.mark.parametrize(
    ("check", "text"),
    [(CheckDigit.MOD10, "6291041500213"), (CheckDigit.MOD43, "159AZH")],
)
def test_a_wrong_character_anywhere_is_refused(check: CheckDigit, text: str) -> None:
    for place, right in enumerate(text):
        for wrong in set("0123456789") - {right}:
            misread = text[:place] + wrong + text[place + 1 :]
            assert isinstance(CodeRule(".+", check).read(misread), Refused), misread


@pytest.mark.parametrize("text", ["", "1", "159azh", "12345x", "١٢٣٤"])
@pytest.mark.parametrize("check", [CheckDigit.MOD10, CheckDigit.MOD43])
def test_what_cannot_carry_a_check_character_is_refused(check: CheckDigit, text: str) -> None:
    assert isinstance(CodeRule(".*", check).read(text), Refused)


def test_named_groups_say_what_the_parts_of_a_code_are() -> None:
    rule = CodeRule(r"(?P<lot>L\d+)/(?P<roll>R\d+)(-(?P<specimen>\d+))?", CheckDigit.NONE)
    assert rule.read("L12/R3-007") == Code("L12/R3-007", "007", "R3", "L12")
    assert rule.read("L12/R3") == Code("L12/R3", "", "R3", "L12")
    refused = rule.read("L12")
    assert isinstance(refused, Refused)
    assert '"L12" does not match' in refused.why
