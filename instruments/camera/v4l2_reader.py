"""The process that reads a V4L2 camera: a read may block for ever in C, so it must be one that can be killed.

Run as ``python -m instruments.camera.v4l2_reader FD SOURCE`` with OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT set. It
takes its `V4l2Settings` from the connection FD, answers with the `V4l2State`, then sends every frame, and
ends when the other side is gone, or after the error that it sends.
"""

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from instruments.camera.v4l2_controls import Capture, choose_format, lock_controls, read_back
from instruments.camera.v4l2_records import GrabbedFrame, V4l2Settings
from qc_daemon.domain.errors import InstrumentError, LinkConfig, LinkLost

# Exposure and white balance of many cameras settle over the first frames, and some take a manual exposure
# only once they stream.
_DISCARDED_FRAMES = 10
# A read that waited had an empty queue before it: the frame came during the read.
_WAITED_S = 0.002
# A driver's stamp older than this is of another clock than the station's monotonic one.
_OLDEST_STAMP_S = 60.0
_POS_MSEC = 0  # cv2.CAP_PROP_POS_MSEC: under V4L2 the driver's stamp of the buffer, on the monotonic clock


def open_device(device: str) -> Capture:
    """Open a V4L2 device by its path."""
    import cv2

    cv2.setLogLevel(2)  # errors only
    capture: Capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    return capture


def read_camera(connection: Connection, open_capture: Callable[[str], Capture]) -> None:
    """Set a camera up as told and send its frames until the connection breaks."""
    settings: V4l2Settings = connection.recv()
    _end_with_the_station(connection)
    try:
        capture = open_capture(settings.device)
        _set_up(connection, capture, settings)
        _send_frames(connection, capture, settings.device)
    except InstrumentError as error:
        connection.send(error)


def _set_up(connection: Connection, capture: Capture, settings: V4l2Settings) -> None:
    if not capture.isOpened():
        raise LinkConfig(f"{settings.device}: cannot be opened; expected a camera below /dev/v4l/by-id")
    choose_format(capture, settings)
    lock_controls(capture, settings)
    _discard(capture, settings.device)
    lock_controls(capture, settings)
    _discard(capture, settings.device)
    connection.send(read_back(capture, settings))


def _discard(capture: Capture, device: str) -> None:
    for _ in range(_DISCARDED_FRAMES):
        if not capture.read()[0]:
            raise LinkLost(f"{device}: no frame within the driver's time-out")


def _send_frames(connection: Connection, capture: Capture, device: str) -> None:
    empty_s = time.monotonic()
    while True:
        asked_s = time.monotonic()
        good, image = capture.read()
        captured_s = time.monotonic()
        if not good or image is None:
            raise LinkLost(f"{device}: no frame within the driver's time-out")
        if captured_s - asked_s > _WAITED_S:
            empty_s = asked_s
        stamp_s = capture.get(_POS_MSEC) / 1000.0
        if 0.0 <= captured_s - stamp_s < _OLDEST_STAMP_S:
            captured_s = stamp_s
        connection.send(GrabbedFrame(_encoded(image), min(empty_s, captured_s), captured_s))


def _encoded(image: Any) -> bytes:
    """Return the JPEG of a camera that sends it (one row of bytes), else pixels as PNG, nothing lost."""
    if image.ndim < 3 and 1 in image.shape:
        return bytes(image.tobytes())
    import cv2

    done, encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done, "8-bit BGR always encodes"
    return bytes(encoded)


def _end_with_the_station(connection: Connection) -> None:
    """End this process when the other side is gone, even while a read hangs."""

    def watch() -> None:
        try:
            connection.poll(None)  # the station sends nothing more: what comes is its end
        finally:
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _named(source: str) -> Callable[[str], Capture]:
    module, _, name = source.partition(":")
    found: Callable[[str], Capture] = getattr(importlib.import_module(module), name)
    return found


if __name__ == "__main__":
    try:
        with Connection(int(sys.argv[1])) as station:
            read_camera(station, _named(sys.argv[2]))
    except (BrokenPipeError, ConnectionResetError, EOFError):
        pass  # the station is gone
