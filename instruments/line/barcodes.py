"""Barcodes as they come from a scanner: lines of text out of a stream of bytes, and what they say."""

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 256  # characters; the largest linear symbols hold fewer than 100
_TERMINATORS = b"\r\n"
_CODE_39 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"  # the value of a character is its place


class CheckDigit(StrEnum):
    """How the last character of a code vouches for the others."""

    NONE = "none"
    MOD10 = "mod10"  # GS1: weights 3 and 1 from the right (GS1 General Specifications, 7.9)
    MOD43 = "mod43"  # Code 39: sum of the values of the characters (ISO/IEC 16388, annex A)


@dataclass(frozen=True, slots=True)
class Garbage:
    """So many bytes that are no code."""

    count: int


@dataclass(frozen=True, slots=True)
class Code:
    """What a code says. Without named groups in the pattern the whole code is the roll.

    Attributes:
        specimen: empty if the code does not name one.
        lot: empty if the code does not name one.
    """

    text: str
    specimen: str
    roll: str
    lot: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is not a code of this line, and why."""

    why: str


class CodeRule:
    """What a code must be.

    Args:
        pattern: a regular expression that the whole code must match; groups named specimen, roll and lot
            say what its parts are.
        check: which check character its last one is.
    """

    def __init__(self, pattern: str, check: CheckDigit) -> None:
        self._pattern = re.compile(pattern)
        self._check = check

    def read(self, text: str) -> Code | Refused:
        """Return what a line says, or why it is refused."""
        match = self._pattern.fullmatch(text)
        if match is None:
            return Refused(f'"{text}" does not match "{self._pattern.pattern}"')
        if not _vouched_for(text, self._check):
            return Refused(f'"{text}" has a wrong check character ({self._check.value})')
        parts = {name: match[name] or "" for name in self._pattern.groupindex}
        if not parts:
            parts = {"roll": text}
        return Code(text, parts.get("specimen", ""), parts.get("roll", ""), parts.get("lot", ""))


class LineParser:
    """Cuts a stream of bytes into lines of printable ASCII, however it is split. Memory is bounded."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._skipping = False

    @property
    def pending(self) -> bool:
        """Whether part of a line waits for the rest."""
        return bool(self._line) or self._skipping

    def feed(self, data: bytes) -> list[str | Garbage]:
        """Add bytes and return what they complete."""
        events: list[str | Garbage] = []
        for byte in data:
            if byte in _TERMINATORS:
                events += self._end_line()
                continue
            self._line.append(byte)
            if len(self._line) > LONGEST:
                events.append(self._throw_away())
                self._skipping = True
        return events

    def give_up(self) -> list[str | Garbage]:
        """Stop waiting for the rest of a line, as after a silence."""
        self._skipping = False
        return [self._throw_away()] if self._line else []

    def _end_line(self) -> list[str | Garbage]:
        skipping, self._skipping = self._skipping, False
        if not self._line:
            return []
        text = self._line.decode("ascii", errors="replace")
        if skipping or not (text.isascii() and text.isprintable()):
            return [self._throw_away()]
        self._line.clear()
        return [text]

    def _throw_away(self) -> Garbage:
        count = len(self._line)
        self._line.clear()
        return Garbage(count)


def _vouched_for(text: str, check: CheckDigit) -> bool:
    if check is CheckDigit.NONE:
        return True
    if len(text) < 2:
        return False
    return _mod10(text) if check is CheckDigit.MOD10 else _mod43(text)


def _mod10(text: str) -> bool:
    if not (text.isascii() and text.isdecimal()):
        return False
    weighted = sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(reversed(text)))
    return weighted % 10 == 0  # the check digit itself has weight 1


def _mod43(text: str) -> bool:
    values = [_CODE_39.find(character) for character in text]
    return min(values) >= 0 and sum(values[:-1]) % 43 == values[-1]
