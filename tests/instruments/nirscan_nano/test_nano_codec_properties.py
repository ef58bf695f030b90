"""What must hold for any stream of bytes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from instruments.frame_scanner import Garbage
from instruments.nirscan_nano.codec import (
    START,
    Command,
    Event,
    Frame,
    FrameParser,
    encode_frame,
    encode_request,
)

frames = st.builds(
    encode_frame,
    st.sampled_from([0x40, 0xC0, 0x50, 0xD0, 0xE0]),
    st.integers(0, 255),
    st.binary(min_size=2, max_size=60),
)
# Whole frames, cut frames, flipped frames, and noise with markers in it.
pieces = st.one_of(
    frames,
    st.builds(lambda frame, end: frame[:end], frames, st.integers(0, 70)),
    st.builds(lambda frame, at: frame[:at] + b"\xa5" + frame[at + 1 :], frames, st.integers(0, 70)),
    st.binary(max_size=30),
    st.sampled_from([b"ABCD", b"DCBA", b"ABABCD", b"A", b"\0" * 9]),
)
streams = st.lists(pieces, max_size=8).map(b"".join)


@given(streams, st.lists(st.integers(0, 400), max_size=12))
def test_any_split_of_a_stream_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parser = FrameParser()
    split = [event for start, end in pairwise(edges) for event in parser.feed(stream[start:end])]
    assert split + parser.give_up() == _events_of(stream)


@given(streams)
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    parser = FrameParser()
    split = [event for byte in stream for event in parser.feed(bytes([byte]))]
    assert split + parser.give_up() == _events_of(stream)


@given(st.binary(max_size=200).filter(lambda noise: START not in noise + b"ABC"), frames)
def test_garbage_in_front_of_a_frame_is_skipped_and_counted(noise: bytes, frame: bytes) -> None:
    garbage = [Garbage(len(noise))] if noise else []
    assert FrameParser().feed(noise + frame) == garbage + FrameParser().feed(frame)


@given(st.sampled_from(list(Command)), st.integers(0, 255), st.binary(max_size=510))
def test_what_is_encoded_comes_back(command: Command, sequence: int, data: bytes) -> None:
    (frame,) = FrameParser().feed(encode_request(command, sequence, data))
    assert isinstance(frame, Frame)
    assert (frame.command, frame.sequence, frame.data) == (command, sequence, data)


@given(streams)
def test_no_byte_is_lost_or_counted_twice(stream: bytes) -> None:
    total = 0
    for event in _events_of(stream):
        total += 16 + len(event.payload) if isinstance(event, Frame) else 0
        total += event.count if isinstance(event, Garbage) else 0
    assert total == len(stream)


def _events_of(stream: bytes) -> list[Event]:
    parser = FrameParser()
    return parser.feed(stream) + parser.give_up()
