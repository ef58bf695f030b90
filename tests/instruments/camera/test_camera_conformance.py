"""What every camera of the station keeps, whatever it is: a device, a network camera, a folder."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera_kit import a_jpeg

from instruments.camera.folder import FolderCamera
from instruments.camera.image_codec import decode_image
from instruments.camera.mjpeg_http import MjpegHttpCamera
from instruments.camera.v4l2 import V4l2Camera
from instruments.camera.v4l2_records import V4l2Settings
from instruments.emulators.process import EmulatorProcess
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import InstrumentError
from qc_daemon.domain.quality import FrameLimits, assess_frame
from qc_daemon.domain.reasons import ReasonCode

CLOCK = SystemClock()
UM_PER_PIXEL = 1.85
STARTING_S = 60.0  # of a process on a busy machine


@dataclass(frozen=True)
class Bench:
    """A camera, not open yet, and how to lose it and get it back."""

    kind: str
    camera: Any
    lose: Callable[[], Any]
    heal: Callable[[], Any]
    absent: Any


@contextmanager
def device_bench(folder: Path):
    device = folder / "usb-Scripted_Camera_0001-video-index0"
    device.write_text("grey=90")

    def tell(words: str) -> None:
        fresh = device.with_suffix(".new")
        fresh.write_text(words)
        fresh.replace(device)

    def camera(path: Path) -> V4l2Camera:
        source = "scripted_capture:open_scripted"
        return V4l2Camera(V4l2Settings(str(path), 160, 120), UM_PER_PIXEL, CLOCK, STARTING_S, 1.0, source)

    absent = folder / "absent"
    absent.write_text("absent")
    yield Bench("v4l2-camera", camera(device), lambda: tell("deaf"), lambda: tell("grey=120"), camera(absent))


@contextmanager
def network_bench(folder: Path):
    (folder / "0.jpg").write_bytes(a_jpeg(90, 120, 160))
    arguments = ["--images", str(folder), "--fps", "25"]
    with EmulatorProcess("instruments.emulators.mjpeg_camera", arguments) as emulator:
        yield Bench(
            "mjpeg-camera",
            MjpegHttpCamera(emulator.ready["url"], UM_PER_PIXEL, CLOCK, 2.0),
            lambda: emulator.tell("fault not_found"),
            lambda: emulator.tell("clear not_found"),
            MjpegHttpCamera("http://127.0.0.1:9/stream", UM_PER_PIXEL, CLOCK, 1.0),
        )


@contextmanager
def folder_bench(folder: Path):
    numbers = iter(range(1000))

    def add(content: bytes) -> None:
        (folder / f"{next(numbers):04}.jpg").write_bytes(content)

    for grey in range(60, 120):
        add(a_jpeg(grey, 120, 160))

    def lose() -> None:
        for path in folder.iterdir():
            path.write_bytes(b"")

    yield Bench(
        "folder-camera",
        FolderCamera(folder, UM_PER_PIXEL, CLOCK),
        lose,
        lambda: [path.write_bytes(a_jpeg(200, 120, 160)) for path in folder.iterdir()],
        FolderCamera(folder / "absent", UM_PER_PIXEL, CLOCK),
    )


@pytest.fixture(params=[device_bench, network_bench, folder_bench])
def bench(request, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with request.param(tmp_path) as made:
        yield made


def now_s() -> float:
    return CLOCK.monotonic_s()


def test_a_frame_is_whole_fresh_scaled_and_says_whose_it_is(bench) -> None:
    with bench.camera as camera:
        for _ in range(3):
            asked_s = now_s()
            frame = camera.frame_after(asked_s)
            assert asked_s <= frame.captured_monotonic_s <= now_s()
            assert abs((datetime.now(UTC) - frame.captured_at).total_seconds()) < 2.0
            assert frame.captured_at.utcoffset().total_seconds() == 0.0
            assert frame.pixels.shape == (120, 160, 3)
            assert not frame.pixels.flags.writeable
            assert np.array_equal(decode_image(frame.encoded, "frame"), frame.pixels)
            assert frame.um_per_pixel == UM_PER_PIXEL
            assert frame.repeats == 0
            found = {reason.code for reason in assess_frame(frame, asked_s, FrameLimits())}
            assert not found & {ReasonCode.FRAME_STALE, ReasonCode.FRAME_FROZEN, ReasonCode.FRAME_UNIFORM}
        assert frame.camera == camera.identity
        assert frame.camera.kind == bench.kind
        assert frame.camera.serial


def test_no_two_frames_are_the_same(bench) -> None:
    with bench.camera as camera:
        frames = [camera.frame_after(now_s()).encoded for _ in range(5)]
    assert len(set(frames)) == 5


def test_a_camera_that_is_lost_is_an_instrument_error_and_comes_back(bench) -> None:
    with bench.camera as camera:
        camera.frame_after(now_s())
        bench.lose()
        with pytest.raises(InstrumentError) as lost:
            for _ in range(100):
                camera.frame_after(now_s())
        assert "\n" not in str(lost.value)
        bench.heal()
        given_up_s = now_s() + STARTING_S
        while True:
            try:
                frame = camera.frame_after(now_s())
                break
            except InstrumentError:
                assert now_s() < given_up_s
        assert frame.pixels.shape == (120, 160, 3)


def test_a_look_takes_no_frame_and_needs_none_taken_before(bench) -> None:
    with bench.camera as camera:
        assert camera.is_live()
        first = camera.frame_after(now_s())
        assert all(camera.is_live() for _ in range(5))
        assert camera.frame_after(now_s()).encoded != first.encoded
    if bench.kind == "folder-camera":
        assert Path(first.camera.serial, "0000.jpg").read_bytes() == first.encoded


def test_a_camera_that_is_not_there_is_one_line(bench) -> None:
    with pytest.raises(InstrumentError) as refused, bench.absent as camera:
        camera.frame_after(now_s())
    assert "\n" not in str(refused.value)
    with pytest.raises(InstrumentError), bench.absent as camera:
        camera.is_live()


def test_a_camera_may_be_closed_twice_and_opened_again(bench) -> None:
    camera = bench.camera
    with camera:
        camera.frame_after(now_s())
    camera.__exit__(None, None, None)
    with camera:
        asked_s = now_s()
        assert camera.frame_after(asked_s).captured_monotonic_s >= asked_s
