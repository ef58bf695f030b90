import os
import threading
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from camera_kit import seconds_until_life_is

from instruments.camera.v4l2 import V4l2Camera
from instruments.camera.v4l2_records import V4l2Settings
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import InstrumentError, LinkConfig, LinkLost, LinkTimeout, ProtocolError
from qc_daemon.domain.quality import FrameLimits, assess_frame
from qc_daemon.domain.reasons import ReasonCode

CLOCK = SystemClock()
OPENING_S = 60.0  # a busy machine takes its time to start a process


@pytest.fixture(autouse=True)
def reader_finds_the_scripted_capture(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


class Desk:
    """A scripted camera and what it is told to do."""

    def __init__(self, folder):
        self.device = folder / "usb-Scripted_Camera_0001-video-index0"
        self.tell("")

    def tell(self, words):
        fresh = self.device.with_suffix(".new")
        fresh.write_text(words)
        fresh.replace(self.device)

    def see(self, words):
        """Tell the running camera and wait until it obeys: what it read before is on its way."""
        self.tell(words)
        given_up_s = CLOCK.monotonic_s() + OPENING_S
        obeyed = self.device.with_suffix(".obeyed")
        while not obeyed.exists() or obeyed.read_text() != words:
            assert CLOCK.monotonic_s() < given_up_s
            threading.Event().wait(0.01)
        threading.Event().wait(0.1)  # the frame that was read with it

    @contextmanager
    def camera(self, hang_s=1.0, timeout_s=OPENING_S, **settings):
        wanted = V4l2Settings(str(self.device), 320, 240, **settings)
        source = "scripted_capture:open_scripted"
        with V4l2Camera(wanted, 1.85, CLOCK, timeout_s, hang_s, source) as camera:
            yield camera


@pytest.fixture()
def desk(tmp_path):
    return Desk(tmp_path)


def now_s():
    return CLOCK.monotonic_s()


def grey_of(frame):
    return round(float(frame.pixels.mean())) - 5  # of the stripes


def codes(frame, triggered_s):
    return [reason.code for reason in assess_frame(frame, triggered_s, FrameLimits())]


def readers():
    """Processes of readers that this test has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            line, command = stat.read_text(), stat.with_name("cmdline").read_text()
        except OSError:
            continue
        parent = int(line.rpartition(")")[2].split()[1])
        if parent == os.getpid() and "v4l2_reader" in command:
            found.append(int(stat.parent.name))
    return found


def test_a_frame_shows_what_lay_there_when_it_was_asked_for(desk):
    with desk.camera() as camera:
        for grey in (60, 120, 180) * 4:
            desk.see(f"grey={grey}")
            asked_s = now_s()
            frame = camera.frame_after(asked_s)
            assert grey_of(frame) == pytest.approx(grey, abs=2)
            assert asked_s < frame.captured_monotonic_s < now_s()
            assert frame.repeats == 0


def test_the_cameras_own_jpeg_is_kept_and_pixels_are_kept_without_loss(desk):
    with desk.camera() as camera:
        assert camera.frame_after(now_s()).encoded.startswith(b"\xff\xd8\xff")
    desk.tell("only_pixels")
    with desk.camera() as camera:
        frame = camera.frame_after(now_s())
        assert frame.encoded.startswith(b"\x89PNG")
        assert "YUYV 320x240" in frame.camera.firmware


def test_controls_are_locked_read_back_and_stand_in_the_record(desk):
    asked = {"exposure_ms": 12.5, "gain": 4.0, "white_balance_k": 5200.0, "focus": 60.0}
    with desk.camera(**asked) as camera:
        frame = camera.frame_after(now_s())
    assert frame.camera.kind == "v4l2-camera"
    assert frame.camera.serial == desk.device.name
    assert frame.camera.firmware == (
        "SCRIPTED, MJPG 320x240 30/s, exposure 12.5 ms, gain 4, white balance 5200 K, focus 60"
    )


def test_controls_that_are_not_given_keep_their_value_with_the_automatic_off(desk):
    with desk.camera() as camera:
        firmware = camera.frame_after(now_s()).camera.firmware
    assert firmware.endswith("exposure 15.7 ms, gain 12, white balance 4000 K, focus 30")


def test_an_exposure_that_is_taken_only_once_frames_come_is_set_again(desk):
    desk.tell("late_exposure")
    with desk.camera(exposure_ms=8.0) as camera:
        assert "exposure 8 ms" in camera.frame_after(now_s()).camera.firmware


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        ("stubborn_exposure", {"exposure_ms": 8.0}, r"camera\.exposure_ms: asked for 80, read back 157"),
        ("stubborn_autofocus", {}, r"camera\.focus: the automatic cannot be turned off"),
        ("no_gain", {"gain": 4.0}, r"camera\.gain: asked for 4, read back no such control"),
        ("other_size", {}, r"delivers 640 x 240 px, expected 320 x 240 \(camera\.width_px"),
        ("absent", {}, r"cannot be opened; expected a camera below /dev/v4l/by-id"),
    ],
)
def test_what_a_camera_refuses_is_named_in_one_line(desk, words, settings, message):
    desk.tell(words)
    with desk.camera(**settings) as camera, pytest.raises(LinkConfig, match=message):
        camera.frame_after(now_s())


def test_a_camera_without_a_control_that_nobody_asked_for_serves(desk):
    desk.tell("no_gain")
    with desk.camera() as camera:
        assert "gain" not in camera.frame_after(now_s()).camera.firmware


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("hang", LinkTimeout, "nothing for 1 s; its reader is killed"),
        ("deaf", LinkLost, "no frame within the driver's time-out"),
        ("crash", LinkLost, "its reader died"),
    ],
)
def test_a_reader_that_is_lost_is_noticed_within_two_seconds_and_replaced(desk, words, error, message):
    with desk.camera() as camera:
        camera.frame_after(now_s())
        desk.tell(words)
        told_s = now_s()
        with pytest.raises(error, match=message):
            while True:
                camera.frame_after(now_s())
        assert now_s() - told_s < 2.0
        desk.tell("grey=150")
        assert grey_of(recovered(camera)) == pytest.approx(150, abs=2)
        assert len(readers()) == 1


def recovered(camera):
    """Return a frame once the camera is back; it is refused at once while it is known to be lost."""
    given_up_s = now_s() + OPENING_S
    while True:
        try:
            return camera.frame_after(now_s())
        except InstrumentError:
            assert now_s() < given_up_s
            threading.Event().wait(0.05)


@pytest.mark.parametrize("words", ["freeze", "ring"])
def test_a_frozen_camera_is_refused_from_the_first_picture_that_it_repeats(desk, words):
    with desk.camera() as camera:
        desk.tell("grey=60")
        camera.frame_after(now_s())
        desk.see(f"{words} grey=180")
        for _ in range(2):
            asked_s = now_s()
            frame = camera.frame_after(asked_s)
            assert ReasonCode.FRAME_FROZEN in codes(frame, asked_s)
            assert now_s() - asked_s < 2.0
        desk.see("grey=180")
        asked_s = now_s()
        assert ReasonCode.FRAME_FROZEN not in codes(camera.frame_after(asked_s), asked_s)


@pytest.mark.parametrize("words", ["freeze", "ring", "hang", "old"])
def test_looks_alone_notice_a_camera_that_shows_nothing_new_and_that_it_does_again(desk, words):
    with desk.camera(hang_s=5.0) as camera:
        seconds_until_life_is(camera, True)
        desk.see(words)
        assert seconds_until_life_is(camera, False) < 2.5  # 2 s, and a busy machine
        if words != "hang":
            desk.tell("")
            seconds_until_life_is(camera, True)


def test_a_camera_that_is_frozen_when_it_is_opened_is_never_judged(desk):
    desk.tell("freeze at_once")
    with desk.camera() as camera:
        asked_s = now_s()
        assert ReasonCode.FRAME_FROZEN in codes(camera.frame_after(asked_s), asked_s)


def test_frames_that_the_driver_stamps_as_old_are_not_taken(desk):
    with desk.camera(timeout_s=OPENING_S) as camera:
        camera.frame_after(now_s())
        desk.see("old")
        asked_s = now_s()
        with pytest.raises(LinkTimeout, match=r"frames are old; the newest is from [12]\.\d s before"):
            camera.frame_after(asked_s)
        assert now_s() - asked_s < 2.0


def test_a_stamp_of_another_clock_is_not_believed(desk):
    desk.tell("foreign_clock")
    with desk.camera() as camera:
        asked_s = now_s()
        assert asked_s < camera.frame_after(asked_s).captured_monotonic_s < now_s()


def test_an_all_equal_frame_shows_nothing(desk):
    desk.tell("equal")
    with desk.camera() as camera:
        asked_s = now_s()
        found = codes(camera.frame_after(asked_s), asked_s)
    assert ReasonCode.FRAME_UNIFORM in found


def test_half_a_jpeg_is_no_frame(desk):
    with desk.camera() as camera:
        camera.frame_after(now_s())
        desk.see("half")
        asked_s = now_s()
        with pytest.raises(ProtocolError, match="cut off after"):
            camera.frame_after(asked_s)
        assert now_s() - asked_s < 2.0


def test_a_video_file_can_stand_for_a_camera(tmp_path):
    path = tmp_path / "fabric.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (320, 240))
    from scripted_capture import ScriptedCapture

    script = tmp_path / "script"
    script.write_text("grey=90 only_pixels")
    capture = ScriptedCapture(script)
    capture.set(3, 320), capture.set(4, 240)
    for _ in range(70):
        writer.write(capture._encoded(capture.words))
    writer.release()
    settings = V4l2Settings(str(path), 320, 240)
    source = "scripted_capture:open_video_file"
    with V4l2Camera(settings, 1.0, CLOCK, OPENING_S, 1.0, source) as camera:
        frame = camera.frame_after(now_s())
        assert grey_of(frame) == pytest.approx(90, abs=3)
        assert frame.camera.firmware.startswith("FFMPEG, YUYV 320x240")
        with pytest.raises(InstrumentError):  # the end of the file is the loss of the camera
            while True:
                camera.frame_after(now_s())


def test_no_reader_and_no_thread_is_left_behind(desk):
    with desk.camera() as camera:
        camera.frame_after(now_s())
        assert len(readers()) == 1
    assert readers() == []
    assert [thread for thread in threading.enumerate() if thread.name == "v4l2-supervisor"] == []


def test_a_device_that_is_not_there_is_one_clear_line_of_opencvs_own_capture(tmp_path):
    settings = V4l2Settings(str(tmp_path / "usb-nothing"), 320, 240)
    with (
        V4l2Camera(settings, 1.0, CLOCK, OPENING_S) as camera,
        pytest.raises(LinkConfig, match="usb-nothing: cannot be opened"),
    ):
        camera.frame_after(now_s())
