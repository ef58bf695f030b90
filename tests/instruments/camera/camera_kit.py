"""Images to show, and a TCP server whose every byte a test decides."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import cv2
import numpy as np

from qc_daemon.domain.errors import InstrumentError

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def a_picture(grey=128, height=48, width=64):
    """(height, width, 3) RGB: a gradient around a grey level, so that pictures can be told apart."""
    ramp = np.linspace(-20, 20, width)[None, :, None] * np.ones((height, 1, 3))
    return np.clip(grey + ramp, 0, 255).astype(np.uint8)


def a_jpeg(grey=128, height=48, width=64):
    return cv2.imencode(".jpg", a_picture(grey, height, width)[..., ::-1])[1].tobytes()


def a_part(body, length=None, boundary=b"frame"):
    count = len(body) if length is None else length
    return b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (boundary, count, body)


def a_part_without_length(body, boundary=b"frame"):
    return b"--%s\r\nContent-Type: image/jpeg\r\n\r\n%s\r\n" % (boundary, body)


class ScriptedServer:
    """Runs `script(connection, number)` for each connection, after the request has come."""

    def __init__(self, script: Callable[[socket.socket, int], None]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/stream"
        self.requests: list[bytes] = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):  # the listener is closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, suppress(OSError):  # the client is gone
            self.requests.append(connection.recv(4096))
            self._script(connection, len(self.requests))


def sees_life(camera):
    """Whether new pictures come; a camera that says nothing shows none."""
    try:
        return camera.is_live()
    except InstrumentError:
        return False


def seconds_until_life_is(camera, lives, limit_s=10.0):
    """Look four times a second, as the line does, until new pictures come, or no more."""
    started_s = time.monotonic()
    while sees_life(camera) != lives:
        assert time.monotonic() - started_s < limit_s
        threading.Event().wait(0.25)
    return time.monotonic() - started_s
