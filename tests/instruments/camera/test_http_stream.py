import threading
import time

import pytest
from camera_kit import HEAD, ScriptedServer, a_jpeg, a_part

from instruments.camera.http_stream import HttpStream, checked_url
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import DeviceBusy, DeviceFault, LinkConfig, LinkLost, LinkTimeout, ProtocolError

CLOCK = SystemClock()


def stream_of(url, timeout_s=2.0):
    return HttpStream(url, timeout_s, CLOCK)


def until_bytes(stream):
    while (arrival := stream.read()) is None:
        pass
    return arrival


def test_bytes_that_waited_in_the_systems_buffer_do_not_pass_for_new_ones():
    sent = threading.Event()

    def script(connection, _):
        connection.sendall(HEAD + b"x")
        assert may_send.wait(5)
        connection.sendall(a_part(a_jpeg()))
        sent.set()
        over.wait(5)

    may_send, over = threading.Event(), threading.Event()
    with ScriptedServer(script) as server, stream_of(server.url) as stream:
        assert until_bytes(stream).data == b"x"
        assert stream.read() is None
        may_send.set()
        assert sent.wait(5)
        time.sleep(0.05)  # the reader is late: this is the situation, not a wait for something
        asked_s = CLOCK.monotonic_s()
        arrival = until_bytes(stream)
        over.set()
    assert arrival.received_s > asked_s
    assert arrival.not_before_s < asked_s


def test_bytes_that_come_later_are_known_to_be_later():
    may_send, over = threading.Event(), threading.Event()

    def script(connection, _):
        connection.sendall(HEAD + b"x")
        assert may_send.wait(5)
        connection.sendall(b"late")
        over.wait(5)

    with ScriptedServer(script) as server, stream_of(server.url) as stream:
        until_bytes(stream)
        asked_s = CLOCK.monotonic_s()
        while stream.read() is None and CLOCK.monotonic_s() < asked_s + 0.1:
            pass
        may_send.set()
        arrival = until_bytes(stream)
        over.set()
    assert arrival.data == b"late"
    assert arrival.not_before_s > asked_s


def test_a_chunked_answer_is_read_without_its_framing():
    def script(connection, _):
        head = HEAD.replace(b"HTTP/1.0", b"HTTP/1.1").replace(
            b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(head + b"5\r\nhello\r\n")
        connection.sendall(b"6\r\n world\r\n0\r\n\r\n")

    with ScriptedServer(script) as server, stream_of(server.url) as stream:
        content = b""
        while len(content) < len(b"hello world"):
            content += until_bytes(stream).data
    assert content == b"hello world"


def test_path_and_query_are_asked_for_as_they_stand_in_the_url():
    def script(connection, _):
        connection.sendall(HEAD + b"x")

    with ScriptedServer(script) as server, stream_of(server.url + "?action=stream&n=1"):
        (request,) = server.requests
    assert request.startswith(b"GET /stream?action=stream&n=1 HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", LinkConfig, "answered 404 Not Found; expected an MJPEG stream"),
        (b"HTTP/1.0 401 Unauthorized\r\n\r\n", LinkConfig, "answered 401"),
        (b"HTTP/1.0 503 Busy\r\n\r\n", DeviceBusy, "answered 503 Busy"),
        (b"HTTP/1.0 500 Oops\r\n\r\n", DeviceFault, "answered 500 Oops"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", ProtocolError, "the answer is image/jpeg"),
        (
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n",
            ProtocolError,
            "with a boundary",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", ProtocolError, "not an HTTP answer"),
        (b"", LinkLost, "the connection broke"),
    ],
)
def test_an_answer_that_is_no_stream_is_one_clear_line(answer, error, message):
    def script(connection, _):
        connection.sendall(answer)

    with ScriptedServer(script) as server, pytest.raises(error, match=message), stream_of(server.url):
        pass


def test_a_server_that_never_answers_is_left_in_time():
    over = threading.Event()
    started_s = CLOCK.monotonic_s()
    with (
        ScriptedServer(lambda *_: over.wait(5)) as server,
        pytest.raises(LinkTimeout, match="did not answer in time"),
        stream_of(server.url, 0.2),
    ):
        pass
    over.set()
    assert CLOCK.monotonic_s() - started_s < 1.5


def test_a_stream_that_stalls_is_left_in_time():
    over = threading.Event()

    def script(connection, _):
        connection.sendall(HEAD + b"x")
        over.wait(5)

    with ScriptedServer(script) as server, stream_of(server.url, 0.2) as stream:
        until_bytes(stream)
        with pytest.raises(LinkTimeout, match=r"stalled for 0\.2 s"):
            until_bytes(stream)
    over.set()


def test_a_stream_that_ends_is_lost():
    with (
        ScriptedServer(lambda connection, _: connection.sendall(HEAD + b"x")) as server,
        stream_of(server.url) as stream,
    ):
        until_bytes(stream)
        with pytest.raises(LinkLost, match="closed the stream"):
            until_bytes(stream)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "camera",
        "https://camera/",
        "http://",
        "http://camera:x/",
        "http://a b/",
        "http://me:secret@camera/",
    ],
)
def test_what_is_no_http_address_is_refused(url):
    with pytest.raises(LinkConfig, match="expected http://host"):
        checked_url(url)
