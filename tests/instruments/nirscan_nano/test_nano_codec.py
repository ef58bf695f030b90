"""Frames against literals that neither the driver nor the emulator made."""

import pytest
from nano_frames import (
    LINK_FAILURE,
    REJECTED_REQUEST,
    REJECTION,
    REPLY_WITH_END_INSIDE,
    REQUESTS,
    STATUS_REPLY,
    VERSION_REPLY,
)

from instruments.frame_scanner import CutShort, Garbage
from instruments.nirscan_nano.codec import (
    BadChecksum,
    BadEnd,
    Command,
    Frame,
    FrameParser,
    LinkFailure,
    Response,
    TooLong,
    encode_frame,
    encode_request,
)

REPLIES = [VERSION_REPLY, STATUS_REPLY, REPLY_WITH_END_INSIDE, REJECTION]


def _name(value: object) -> str | None:
    return value.name if isinstance(value, Command) else None


@pytest.mark.parametrize(("command", "data", "wire"), REQUESTS, ids=_name)
def test_a_request_is_the_golden_bytes(command: Command, data: bytes, wire: bytes) -> None:
    assert encode_request(command, 0, data) == wire


@pytest.mark.parametrize(("command", "data", "wire"), REQUESTS, ids=_name)
def test_golden_bytes_parse_to_the_command_and_its_data(command: Command, data: bytes, wire: bytes) -> None:
    (frame,) = FrameParser().feed(wire)
    assert isinstance(frame, Frame)
    assert (frame.command, frame.data, frame.response) == (command, data, Response.OK)


def test_a_reply_gives_sequence_echo_and_data() -> None:
    assert FrameParser().feed(VERSION_REPLY) == [Frame(0xC0, 7, VERSION_REPLY[12:-4])]
    assert FrameParser().feed(STATUS_REPLY) == [Frame(0xC0, 8, bytes.fromhex("0304 01020000"))]


def test_the_end_marker_may_stand_inside_the_data() -> None:
    (frame,) = FrameParser().feed(REPLY_WITH_END_INSIDE)
    assert isinstance(frame, Frame)
    assert frame.data == b"DCBA\0\0"


def test_the_captured_link_failure_is_told_apart_from_replies() -> None:
    assert FrameParser().feed(LINK_FAILURE) == [LinkFailure()]


def test_the_captured_request_with_a_wrong_checksum_is_rejected_as_the_device_did() -> None:
    parser = FrameParser()
    assert parser.feed(REJECTED_REQUEST) == [BadChecksum(2)]
    (answer,) = FrameParser().feed(REJECTION)
    assert isinstance(answer, Frame)
    assert (answer.response, answer.payload) == (Response.ERROR, b"")


@pytest.mark.parametrize("frame", [wire for _, _, wire in REQUESTS] + REPLIES, ids=bytes.hex)
@pytest.mark.parametrize("bit", [0x01, 0x80, 0xFF])
def test_no_flipped_byte_of_a_frame_passes(frame: bytes, bit: int) -> None:
    for position in range(len(frame)):
        flipped = bytearray(frame)
        flipped[position] ^= bit
        parser = FrameParser()
        events = parser.feed(bytes(flipped)) + parser.give_up()
        assert not any(isinstance(event, Frame | LinkFailure) for event in events), position
        assert events, position


def test_swapped_bytes_pass_the_checksum_so_that_payloads_must_be_checked_too() -> None:
    swapped = VERSION_REPLY[:13] + VERSION_REPLY[14:12:-1] + VERSION_REPLY[15:]
    assert swapped != VERSION_REPLY
    assert isinstance(FrameParser().feed(swapped)[0], Frame)


@pytest.mark.parametrize("stale_length", [0, 2, 40, 600, 0xFFFF])
@pytest.mark.parametrize("payload", [b"", b"\x18\x02"])
def test_an_error_reply_ends_at_its_end_marker_not_at_its_length(stale_length: int, payload: bytes) -> None:
    body = bytes((0xD0, 5)) + stale_length.to_bytes(2, "little") + payload
    wire = b"ABCD" + sum(body).to_bytes(4, "little") + body + b"DCBA"
    events = FrameParser().feed(wire + STATUS_REPLY)
    assert events == [Frame(0xD0, 5, payload), *FrameParser().feed(STATUS_REPLY)]


@pytest.mark.parametrize("length", [513, 0xFFFF])
def test_a_length_beyond_the_protocol_is_refused_before_anything_waits_for_it(length: int) -> None:
    head = b"ABCD" + bytes(4) + bytes((0xC0, 1)) + length.to_bytes(2, "little")
    parser = FrameParser()
    assert parser.feed(head) == [TooLong(length)]
    assert parser.feed(STATUS_REPLY)[-1:] == FrameParser().feed(STATUS_REPLY)


def test_a_frame_without_its_end_gives_way_to_the_next_start_inside_it() -> None:
    whole = encode_frame(0xC0, 3, b"\x2e\x00" + bytes(40))
    events = FrameParser().feed(whole[:25] + STATUS_REPLY + whole)
    assert events[0] == BadEnd(42)
    assert events[2] == FrameParser().feed(STATUS_REPLY)[0]
    assert events[-1] == FrameParser().feed(whole)[0]


def test_giving_up_a_cut_frame_finds_the_whole_one_behind_it() -> None:
    cut = encode_frame(0xC0, 3, b"\x2e\x00" + bytes(510))[:100]
    parser = FrameParser()
    assert parser.feed(cut + STATUS_REPLY) == []
    assert parser.pending
    found = parser.give_up()
    assert found == [CutShort(100 + len(STATUS_REPLY)), Garbage(100), *FrameParser().feed(STATUS_REPLY)]
    assert not parser.pending


def test_giving_up_nothing_tells_of_nothing() -> None:
    parser = FrameParser()
    parser.feed(STATUS_REPLY)
    assert parser.give_up() == []
    assert parser.feed(b"\0AB") == []
    assert parser.give_up() == [Garbage(3)]


def test_garbage_without_end_is_told_of_and_not_kept() -> None:
    parser = FrameParser()
    events = [event for _ in range(20) for event in parser.feed(b"\0" * 8192)]
    assert events == [Garbage(65536), Garbage(65536)]


def test_a_payload_beyond_the_protocol_is_not_sent() -> None:
    with pytest.raises(ValueError, match="513 bytes, expected at most 512"):
        encode_frame(0x40, 1, bytes(513))
