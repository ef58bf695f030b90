import pytest
from camera_kit import a_part, a_part_without_length
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.camera.multipart import ChunkedDecoder, MultipartParser
from qc_daemon.domain.errors import ProtocolError

LIMIT = 2000


def pieces(data, cuts):
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def parsed(chunks, boundary=b"frame", limit=LIMIT):
    """The parts that come out, and the error that ends them, if one does."""
    parser, parts = MultipartParser(boundary, limit), []
    try:
        for chunk in chunks:
            parts.extend(parser.feed(chunk))
    except ProtocolError as error:
        return parts, str(error)
    return parts, None


bodies = st.binary(max_size=200)
clean_bodies = bodies.filter(lambda body: b"--frame" not in body and not body.endswith((b"\r", b"\n")))
cuts = st.lists(st.integers(0, 10_000), max_size=40)


@settings(deadline=None)
@given(st.lists(st.tuples(bodies, st.booleans()), max_size=6), cuts)
def test_any_split_of_a_stream_gives_the_same_parts(specified, cuts):
    stream = b"preamble\r\n"
    expected = []
    for body, with_length in specified:
        if with_length or b"--frame" in body or body.endswith((b"\r", b"\n")):
            stream += a_part(body)
        else:
            stream += a_part_without_length(body)
        expected.append(body)
    stream += b"--frame--\r\n"
    parts, error = parsed(pieces(stream, cuts))
    assert error is None
    assert [part.body for part in parts] == expected
    assert all(stream[part.offset :].startswith(b"--frame\r\n") for part in parts)


@settings(deadline=None)
@given(
    st.binary(max_size=400),
    cuts,
    st.sampled_from([b"", b"--frame\r\n", b"--frame\r\nContent-Length: 9\r\n\r\n"]),
)
def test_any_split_of_any_bytes_gives_the_same_parts_and_the_same_error(garbage, cuts, start):
    stream = start + garbage + a_part(b"good")
    assert parsed(pieces(stream, cuts), limit=150) == parsed([stream], limit=150)


@settings(deadline=None)
@given(clean_bodies)
def test_a_part_without_length_ends_at_the_next_boundary(body):
    parts, _ = parsed([a_part_without_length(body) + b"--frame\r\n"])
    assert [part.body for part in parts] == [body]


def test_a_boundary_inside_a_body_of_known_length_is_data():
    body = b"\xff\xd8 --frame\r\nContent-Length: 3\r\n\r\nabc"
    assert [part.body for part in parsed([a_part(body)])[0]] == [body]


def test_a_camera_that_writes_the_dashes_into_its_header_is_understood():
    parts, _ = parsed([a_part(b"one", boundary=b"cam") + a_part(b"two", boundary=b"cam")], boundary=b"--cam")
    assert [part.body for part in parts] == [b"one", b"two"]


def test_line_feeds_alone_and_other_spellings_of_the_header_are_understood():
    stream = b"--frame\ncontent-length:  3 \nX-Other: 7\n\nabc\n--frame\nCONTENT-LENGTH:3\n\ndef"
    assert [part.body for part in parsed([stream])[0]] == [b"abc", b"def"]


def test_a_part_without_any_header_is_understood():
    assert [part.body for part in parsed([b"--frame\r\n\r\nabc\r\n--frame\r\n"])[0]] == [b"abc"]


def test_a_part_is_given_out_with_its_last_byte():
    stream = a_part(b"abc")[: -len(b"\r\n")]
    parser = MultipartParser(b"frame", LIMIT)
    assert list(parser.feed(stream[:-1])) == []
    assert [part.body for part in parser.feed(stream[-1:])] == [b"abc"]


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"--frame\r\nContent-Length: many\r\n\r\n", "Content-Length is b'many', expected a number"),
        (b"--frame\r\nContent-Length: -3\r\n\r\n", "Content-Length is b'-3'"),
        (b"--frame\r\nContent-Length: 2001\r\n\r\n", "part of 2001 bytes, expected at most 2000"),
        (b"--frame\r\n\r\n" + b"x" * 4000, "no boundary within 2000 bytes"),
        (b"x" * 4000, "no boundary within 2000 bytes"),
        (b"--frame\r\nX: " + b"y" * 9000, "head of a part without an end after 8192 bytes"),
    ],
)
def test_what_the_protocol_does_not_allow_is_one_clear_line(stream, message):
    parts, error = parsed([stream])
    assert parts == []
    assert error.startswith(message)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=8), cuts, st.sampled_from([b"", b";x=1"]))
def test_any_split_of_a_chunked_answer_gives_the_same_content(chunks, cuts, extension):
    stream = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n\r\n"
    decoder = ChunkedDecoder()
    assert b"".join(decoder.feed(piece) for piece in pieces(stream, cuts)) == b"".join(chunks)


@pytest.mark.parametrize("start", [b"zz\r\nabc", b"-1\r\n", b"123456789abc\r\n", b"1" * 300])
def test_a_chunk_without_a_size_is_a_protocol_error(start):
    with pytest.raises(ProtocolError, match="size of a chunk"):
        ChunkedDecoder().feed(start)


@pytest.mark.parametrize(
    ("line", "stamped_s"),
    [
        (b"X-Timestamp: 1764000000.25", 1764000000.25),
        (b"x-timestamp:17", 17.0),
        (b"X-Timestamp: yesterday", None),
        (b"X-Timestamp: 1e400", None),
        (b"X-Other: 1", None),
    ],
)
def test_the_time_stamp_of_a_part_is_read_if_it_is_one(line, stamped_s):
    stream = b"--frame\r\n" + line + b"\r\nContent-Length: 3\r\n\r\nabc\r\n"
    (part,) = MultipartParser(b"frame", LIMIT).feed(stream)
    assert (part.body, part.stamped_s) == (b"abc", stamped_s)
