"""Lines and blocks of the NIRONE Sensor, for any stream of bytes."""

import struct

import numpy as np
import pytest

from instruments.frame_scanner import Garbage
from instruments.nirone.codec import (
    MAX_LINE,
    BrokenLine,
    Line,
    LineParser,
    block_command,
    decode_block,
    decode_number,
    decode_value,
    encode_command,
    is_refusal,
    strip_before_block,
    wavelength_command,
)
from qc_daemon.domain.errors import ProtocolError

BLOCK = struct.pack("<3f", 100.5, -2.25, 65_000.0)


def test_commands_are_what_the_public_clients_send() -> None:
    assert encode_command("h0") == b"h0\r"
    assert encode_command(wavelength_command(0, 1550.0)) == b"W0,1550.0\r"
    assert encode_command(wavelength_command(511, 1949.96)) == b"W511,1950.0\r"
    assert encode_command(block_command(512)) == b"Xm0,512\r"


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n", b"\n\r", b"\r\n\r\n"])
def test_lines_end_with_either_end_or_both(end: bytes) -> None:
    assert LineParser().feed(b"a: 1" + end + b"b: 2" + end) == [Line("a: 1"), Line("b: 2")]


@pytest.mark.parametrize("noise", [b"\0", b"\x7f", b"\x80", b"\xff\xfe", b"\x1b[0m"])
def test_a_line_that_cannot_be_printed_is_broken(noise: bytes) -> None:
    assert LineParser().feed(b"a: " + noise + b"1\r\nb: 2\r\n") == [BrokenLine(4 + len(noise)), Line("b: 2")]


def test_a_line_without_end_is_given_up_and_one_that_is_too_long_is_garbage() -> None:
    parser = LineParser()
    assert parser.feed(b"Serial num") == []
    assert parser.pending
    assert parser.give_up() == [BrokenLine(10)]
    assert not parser.pending
    assert parser.feed(b"x" * (MAX_LINE + 3) + b"\r\n") == [Garbage(MAX_LINE + 1), Line("xx")]


@pytest.mark.parametrize(
    ("line", "value"), [("Serial number: 4711", "4711"), ("t:3.20e+01", "3.20e+01"), ("a: b: c", "b: c")]
)
def test_a_value_stands_behind_the_first_colon(line: str, value: str) -> None:
    assert decode_value(line, "it")[1] == value


@pytest.mark.parametrize("line", ["4711", "Serial number:", "Serial number: "])
def test_a_line_without_a_value_is_refused(line: str) -> None:
    with pytest.raises(ProtocolError, match=r'it reads ".*", expected "label: value"'):
        decode_value(line, "it")


@pytest.mark.parametrize(("text", "number"), [("3.20e+01", 32.0), ("1550", 1550.0), ("-5.5 C", -5.5)])
def test_a_number_may_have_an_exponent_and_a_unit(text: str, number: float) -> None:
    assert decode_number(text, "it") == number


@pytest.mark.parametrize("text", ["", "warm", "nan", "inf", "1,5", "0x10"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"it (reads|is) "):
        decode_number(text, "it")


@pytest.mark.parametrize("line", ["ERROR", "error 5", "Err", "?", "? W", "Invalid command", "Unknown"])
def test_the_ways_to_say_no_are_known(line: str) -> None:
    assert is_refusal(line)


def test_a_confirmation_is_no_refusal() -> None:
    assert not any(map(is_refusal, ("OK", "Measurement ready", "Serial number: E5", "Light set")))


def test_a_block_is_little_endian_float32() -> None:
    assert decode_block(BLOCK, 3).tolist() == [100.5, -2.25, 65_000.0]


@pytest.mark.parametrize("before", [b"", b"\n", b"Xm0,3\r", b"Xm0,3\n", b"Xm0,3\r\n"])
def test_a_late_line_feed_and_an_echo_are_taken_off_a_block(before: bytes) -> None:
    assert strip_before_block(before + BLOCK, 3) == BLOCK


@pytest.mark.parametrize("data", [BLOCK[:-1], BLOCK + b"\0", b"\r" + BLOCK, b"\n\n" + BLOCK, b""])
def test_a_byte_too_many_or_too_few_spoils_a_block(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="the data of 3 points came with"):
        strip_before_block(data, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e-30])
def test_a_value_that_no_detector_counts_spoils_a_block(value: float) -> None:
    with pytest.raises(ProtocolError, match=r"point 1 of 3 reads .*, expected detector counts"):
        decode_block(struct.pack("<3f", 1.0, value, 2.0), 3)


def test_a_signalling_nan_is_refused_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(ProtocolError, match="point 0 of 1 reads nan"):
        decode_block(bytes.fromhex("0100807f"), 1)
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]


def test_a_block_of_the_other_byte_order_is_refused() -> None:
    with pytest.raises(ProtocolError, match="expected detector counts"):
        decode_block(struct.pack(">3f", 40_000.25, 51_200.5, 800.1), 3)
