"""Messages against literals that neither the driver nor the emulator made."""

import pytest
from ocean_frames import GET_SERIAL, GPIO_DATA, GPIO_TYPE, SET_100_MS, TEST_DATA, TEST_MESSAGE

from instruments.frame_scanner import CutShort, Garbage
from instruments.ocean.codec import (
    ERROR_WORDS,
    MAX_PAYLOAD,
    BadChecksum,
    BadEnd,
    BadHeader,
    Checksum,
    Flag,
    Message,
    MessageParser,
    MessageType,
    encode_message,
    encode_request,
)

SEALED = [TEST_MESSAGE, SET_100_MS]


def _events(stream: bytes) -> list[object]:
    parser = MessageParser()
    return [*parser.feed(stream), *parser.give_up()]


def test_a_published_message_is_understood() -> None:
    (message,) = _events(TEST_MESSAGE)
    assert isinstance(message, Message)
    assert (message.type, message.flags, message.data) == (0, Flag.ACK_REQUESTED, TEST_DATA)
    assert (message.checksum, message.wire) == (Checksum.MD5, TEST_MESSAGE)


def test_requests_are_the_golden_bytes() -> None:
    assert encode_request(MessageType.SET_INTEGRATION_TIME, 0, (100_000).to_bytes(4, "little")) == SET_100_MS
    assert encode_message(MessageType.SERIAL_NUMBER, Flag(0), 0, checksum=Checksum.NONE) == GET_SERIAL


def test_what_another_program_sends_stands_at_its_places() -> None:
    wire = encode_message(GPIO_TYPE, Flag(0), 0, GPIO_DATA)
    assert wire[8:12] == bytes.fromhex("10012000")
    assert (wire[23], wire[24:32]) == (8, GPIO_DATA)


@pytest.mark.parametrize("wire", SEALED, ids=["payload", "immediate"])
def test_every_flipped_bit_is_rejected(wire: bytes) -> None:
    for place in range(len(wire)):
        for bit in range(8):
            broken = bytearray(wire)
            broken[place] ^= 1 << bit
            assert not any(isinstance(event, Message) for event in _events(bytes(broken))), (place, bit)


@pytest.mark.parametrize("wire", SEALED, ids=["payload", "immediate"])
def test_every_pair_of_swapped_bytes_is_rejected(wire: bytes) -> None:
    for first in range(len(wire) - 1):
        for second in range(first + 1, len(wire)):
            if wire[first] == wire[second]:
                continue
            broken = bytearray(wire)
            broken[first], broken[second] = broken[second], broken[first]
            assert not any(isinstance(event, Message) for event in _events(bytes(broken))), (first, second)


def test_a_flipped_bit_in_a_message_without_checksum_is_rejected_or_leaves_it_unchecked() -> None:
    """Nothing vouches for such a message; the dialogue refuses it because it says so itself."""
    for place in range(len(GET_SERIAL)):
        broken = bytearray(GET_SERIAL)
        broken[place] ^= 0x01
        for event in _events(bytes(broken)):
            assert not isinstance(event, Message) or event.checksum is Checksum.NONE, place


def test_a_message_that_denies_its_checksum_is_rejected() -> None:
    denied = SET_100_MS[:22] + b"\0" + SET_100_MS[23:]
    assert BadChecksum(64) in _events(denied)


@pytest.mark.parametrize(
    ("place", "value", "event"),
    [
        (22, 2, BadHeader("checksum type", 2)),
        (23, 17, BadHeader("immediate length", 17)),
        (40, 0x13, BadHeader("bytes that follow", 0x13)),
        (41, 0xFF, BadHeader("bytes that follow", 0xFF14)),
        (43, 0xFF, BadHeader("bytes that follow", 0xFF000014)),
    ],
)
def test_an_impossible_header_is_rejected_before_anything_is_waited_for(
    place: int, value: int, event: BadHeader
) -> None:
    parser = MessageParser()
    header = SET_100_MS[:place] + bytes([value]) + SET_100_MS[place + 1 : 44]
    assert event in parser.feed(header)


def test_a_wrong_end_is_rejected() -> None:
    assert BadEnd(64) in _events(SET_100_MS[:-1] + b"\0")


def test_an_end_marker_inside_the_payload_ends_nothing() -> None:
    data = bytes.fromhex("00 c5c4c3c2 c1c00011") * 3
    (message,) = _events(encode_message(MessageType.RAW_SPECTRUM, Flag.RESPONSE, 7, data))
    assert isinstance(message, Message)
    assert (message.data, message.regarding) == (data, 7)


@pytest.mark.parametrize("size", [0, 1, 16, 17, 2048, MAX_PAYLOAD])
def test_data_of_any_size_come_back(size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    wire = encode_message(MessageType.RAW_SPECTRUM, Flag.RESPONSE, 2**32 - 1, data)
    (message,) = _events(wire)
    assert isinstance(message, Message)
    assert message.data == data
    assert len(wire) == 64 + (size if size > 16 else 0)


def test_more_data_than_the_protocol_allows_are_not_sent() -> None:
    with pytest.raises(ValueError, match="data have 16385 bytes, expected at most 16384"):
        encode_message(0, Flag(0), 0, bytes(MAX_PAYLOAD + 1))


def test_a_message_is_found_behind_garbage_and_behind_a_cut_one() -> None:
    parser = MessageParser()
    assert parser.feed(b"\0\xffnoise" + SET_100_MS) == [Garbage(7), *MessageParser().feed(SET_100_MS)]
    events = parser.feed(TEST_MESSAGE[:50] + SET_100_MS)
    events += parser.give_up()
    assert any(isinstance(event, Message) and event.wire == SET_100_MS for event in events)


def test_a_message_that_stops_is_given_up_after_a_silence() -> None:
    parser = MessageParser()
    assert parser.feed(TEST_MESSAGE[:50]) == []
    assert parser.pending
    assert parser.give_up() == [CutShort(50), Garbage(50)]
    assert not parser.pending


def test_each_error_number_of_the_protocol_has_words() -> None:
    assert set(ERROR_WORDS) == {*range(1, 14), *range(100, 105), 255}
