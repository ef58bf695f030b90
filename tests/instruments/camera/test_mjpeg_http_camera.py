import gc
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from camera_kit import (
    HEAD,
    ScriptedServer,
    a_jpeg,
    a_part,
    a_part_without_length,
    seconds_until_life_is,
)

from instruments.camera.mjpeg_http import MjpegHttpCamera
from instruments.emulators.process import EmulatorProcess
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import (
    InstrumentError,
    LinkConfig,
    LinkLost,
    LinkTimeout,
    ProtocolError,
)
from qc_daemon.domain.quality import FrameLimits, assess_frame
from qc_daemon.domain.reasons import ReasonCode

CLOCK = SystemClock()
GREYS = (40, 70, 100, 130, 160, 190)


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for number, grey in enumerate(GREYS):
        (folder / f"{number}.jpg").write_bytes(a_jpeg(grey, 240, 320))
    return folder


@pytest.fixture(scope="module")
def emulators(image_folder):
    """Emulators by their options, each started once."""
    started = {}
    with ExitStack() as stack:

        def emulator(*options):
            if options not in started:
                arguments = ["--images", str(image_folder), *options]
                process = EmulatorProcess("instruments.emulators.mjpeg_camera", arguments)
                started[options] = stack.enter_context(process)
            return started[options]

        yield emulator


@pytest.fixture()
def emulated(emulators):
    """An emulator with its fault, from before the first frame on, and a camera that is not connected yet."""

    @contextmanager
    def emulated(*options, fault=None, timeout_s=2.0):
        emulator = emulators(*options)
        for known in emulator.tell("help")["faults"]:
            emulator.tell(f"clear {known}")
        emulator.tell("present 0")
        if fault:
            emulator.tell(f"fault {fault}")
        with MjpegHttpCamera(emulator.ready["url"], 1.85, CLOCK, timeout_s) as camera:
            yield emulator, camera

    return emulated


def now_s():
    return CLOCK.monotonic_s()


def grey_of(frame):
    return round(float(frame.pixels.mean()))


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "mjpeg-reader"]


def test_a_frame_shows_what_was_presented_before_it_was_asked_for_every_time(emulated):
    with emulated("--fps", "60") as (emulator, camera):
        for turn in range(60):
            number = turn % len(GREYS)
            assert emulator.tell(f"present {number}") == {"ok": True, "present": f"{number}.jpg"}
            asked_s = now_s()
            frame = camera.frame_after(asked_s)
            assert grey_of(frame) == pytest.approx(GREYS[number], abs=2), turn
            assert asked_s < frame.captured_monotonic_s < now_s()
            assert frame.repeats == 0


def test_the_first_frame_after_a_moment_of_the_past_is_still_there(emulated):
    with emulated("--fps", "30") as (emulator, camera):
        emulator.tell("present 1")
        camera.frame_after(now_s())
        triggered_s = now_s()
        first = camera.frame_after(triggered_s)
        emulator.tell("present 4")
        assert grey_of(camera.frame_after(now_s())) == pytest.approx(GREYS[4], abs=2)
        again = camera.frame_after(triggered_s)
        assert again.encoded == first.encoded
        assert again.captured_monotonic_s == first.captured_monotonic_s


def test_a_frame_carries_the_cameras_own_bytes_and_where_the_camera_is(image_folder, emulated):
    with emulated("--untouched") as (emulator, camera):
        emulator.tell("present 2")
        frame = camera.frame_after(now_s())
        assert frame.encoded == (image_folder / "2.jpg").read_bytes()
        assert frame.camera.serial == emulator.ready["url"].split("/")[2]
        assert frame.um_per_pixel == 1.85


def test_a_frame_that_began_to_arrive_before_the_moment_is_not_taken():
    asked, sent = threading.Event(), threading.Event()

    def script(connection, _):
        early = a_part(a_jpeg(40))
        connection.sendall(HEAD + a_part(a_jpeg(10)) + a_part(a_jpeg(20)) + early[:300])
        sent.set()
        asked.wait(5)
        connection.sendall(early[300:])
        connection.sendall(a_part(a_jpeg(200)))
        over.wait(5)

    over = threading.Event()
    with ScriptedServer(script) as server, MjpegHttpCamera(server.url, 1.0, CLOCK, 2.0) as camera:
        camera.frame_after(0.0)
        assert sent.wait(5)
        threading.Timer(0.1, asked.set).start()
        assert grey_of(camera.frame_after(now_s())) == pytest.approx(200, abs=2)
        over.set()


@pytest.mark.parametrize("part", [a_part, a_part_without_length])
def test_a_damaged_frame_is_passed_over_for_the_next_whole_one(part):
    over = threading.Event()

    def script(connection, _):
        cut = a_jpeg(40)[:400]
        connection.sendall(HEAD + part(b"no image") + part(cut) + part(a_jpeg(90)) + b"--frame\r\n")
        over.wait(5)

    with ScriptedServer(script) as server, MjpegHttpCamera(server.url, 1.0, CLOCK, 2.0) as camera:
        assert grey_of(camera.frame_after(0.0)) == pytest.approx(90, abs=2)
        over.set()


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("stall", LinkTimeout, "no frame within 1 s|stalled|did not answer in time"),
        ("drop", LinkLost, "closed the stream"),
        ("garbage_part", ProtocolError, "are no image; expected a whole"),
        ("cut_jpeg", ProtocolError, "cut off after"),
        ("endless_part", ProtocolError, "no boundary within 16777216 bytes"),
        ("not_found", LinkConfig, "404 Not Found; expected an MJPEG stream"),
    ],
)
def test_each_fault_is_an_error_in_time_and_gone_when_the_camera_is_well_again(
    emulated, fault, error, message
):
    with emulated("--fps", "30", fault=fault, timeout_s=1.0) as (emulator, camera):
        for _ in range(2):
            started_s = now_s()
            with pytest.raises(error, match=message):
                camera.frame_after(started_s)
            assert now_s() - started_s < 3.5
        emulator.tell(f"clear {fault}")
        emulator.tell("present 3")
        asked_s = now_s()
        assert grey_of(camera.frame_after(asked_s)) == pytest.approx(GREYS[3], abs=2)


@pytest.mark.parametrize("fault", ["stall", "drop", "garbage_part", "cut_jpeg", "endless_part", "not_found"])
def test_a_fault_that_comes_while_the_stream_runs_is_survived(emulated, fault):
    with emulated("--fps", "30", timeout_s=1.0) as (emulator, camera):
        camera.frame_after(now_s())
        emulator.tell(f"fault {fault}")
        with pytest.raises(InstrumentError):
            for _ in range(20):
                camera.frame_after(now_s())
        emulator.tell(f"clear {fault}")
        emulator.tell("present 5")
        assert grey_of(camera.frame_after(now_s())) == pytest.approx(GREYS[5], abs=2)


def codes(frame, triggered_s):
    return [reason.code for reason in assess_frame(frame, triggered_s, FrameLimits())]


def test_a_frozen_camera_is_refused_from_the_first_picture_that_it_repeats(emulated):
    with emulated("--fps", "30", timeout_s=3.0) as (emulator, camera):
        camera.frame_after(now_s())
        emulator.tell("fault frozen")
        emulator.tell("present 4")
        for _ in range(2):
            asked_s = now_s()
            frame = camera.frame_after(asked_s)
            assert ReasonCode.FRAME_FROZEN in codes(frame, asked_s)
            assert now_s() - asked_s < 2.0
        emulator.tell("clear frozen")
        asked_s = now_s()
        frame = camera.frame_after(asked_s)
        assert ReasonCode.FRAME_FROZEN not in codes(frame, asked_s)
        assert grey_of(frame) == pytest.approx(GREYS[4], abs=2)


def test_a_camera_that_is_frozen_from_its_first_frame_on_is_never_judged(emulated):
    with emulated("--fps", "30", fault="frozen", timeout_s=3.0) as (_, camera):
        asked_s = now_s()
        assert ReasonCode.FRAME_FROZEN in codes(camera.frame_after(asked_s), asked_s)


@pytest.mark.parametrize("fault", ["stall", "frozen", "not_found", "stale=30"])
def test_looks_alone_notice_a_camera_that_shows_nothing_new_and_that_it_does_again(emulated, fault):
    with emulated("--fps", "30") as (emulator, camera):
        seconds_until_life_is(camera, True)
        emulator.tell(f"fault {fault}")
        late_s = 3.0 if fault.startswith("stale") else 0.0  # it falls behind by half a second in a second
        assert 1.0 < seconds_until_life_is(camera, False) < 2.5 + late_s  # 2 s, and a busy machine
        emulator.tell(f"clear {fault.partition('=')[0]}")
        assert seconds_until_life_is(camera, True) < 5.0


def test_a_connection_that_drops_and_is_back_is_live_throughout(emulated):
    with emulated("--fps", "30") as (emulator, camera):
        seconds_until_life_is(camera, True)
        emulator.tell("fault drop")
        while any(reader.is_alive() for reader in readers()):
            threading.Event().wait(0.01)
        emulator.tell("clear drop")
        assert all(camera.is_live() for _ in range(100))


def test_a_frozen_camera_is_not_taken_for_a_live_one_when_it_is_connected_again(emulated):
    with emulated("--fps", "30", timeout_s=3.0) as (emulator, camera):
        camera.frame_after(now_s())
        emulator.tell("fault frozen")
        camera.frame_after(now_s())
        emulator.tell("fault drop")
        with pytest.raises(InstrumentError):
            for _ in range(20):
                camera.frame_after(now_s())
        emulator.tell("clear drop")
        asked_s = now_s()
        assert ReasonCode.FRAME_FROZEN in codes(camera.frame_after(asked_s), asked_s)


def test_a_camera_that_writes_a_counter_into_a_frozen_picture_is_frozen():
    def script(connection, _):
        whole = a_jpeg(90)
        connection.sendall(HEAD)
        for number in range(200):
            comment = b"\xff\xfe\x00\x08%06d" % number
            connection.sendall(a_part(whole[:2] + comment + whole[2:]))
            if over.wait(0.02):
                return

    over = threading.Event()
    with ScriptedServer(script) as server, MjpegHttpCamera(server.url, 1.0, CLOCK, 3.0) as camera:
        asked_s = now_s()
        assert ReasonCode.FRAME_FROZEN in codes(camera.frame_after(asked_s), asked_s)
        over.set()


def test_a_single_frame_proves_nothing():
    def script(connection, _):
        connection.sendall(HEAD + a_part(a_jpeg(90)))
        over.wait(5)

    over = threading.Event()
    with ScriptedServer(script) as server, MjpegHttpCamera(server.url, 1.0, CLOCK, 0.5) as camera:
        with pytest.raises(LinkTimeout, match=r"no frame within 0\.5 s|stalled for"):
            camera.frame_after(0.0)
        over.set()


def test_a_camera_that_falls_behind_gives_no_frame_from_before_the_trigger(emulated):
    with emulated("--fps", "30", timeout_s=3.0) as (emulator, camera):
        emulator.tell("present 0")
        camera.frame_after(now_s())
        emulator.tell("fault stale=30")
        given_up_s, refused = now_s() + 20.0, 0
        while refused < 2:
            assert now_s() < given_up_s
            number = refused % len(GREYS)
            emulator.tell(f"present {number}")
            asked_s = now_s()
            try:
                frame = camera.frame_after(asked_s)
            except LinkTimeout:
                refused += 1
            else:
                assert grey_of(frame) == pytest.approx(GREYS[number], abs=2)
            assert now_s() - asked_s < 2.5
        emulator.tell("clear stale")
        emulator.tell("present 5")
        assert grey_of(camera.frame_after(now_s())) == pytest.approx(GREYS[5], abs=2)


def stamped_stream(offset_s, over):
    """A script of a live camera whose frames are stamped by that much off the time."""

    def script(connection, _):
        connection.sendall(HEAD)
        for grey in range(40, 240):
            stamp = b"X-Timestamp: %.3f\r\n" % (time.time() + offset_s)
            connection.sendall(a_part(a_jpeg(grey)).replace(b"Content-Type", stamp + b"Content-Type"))
            if over.wait(0.03):
                return

    return script


def test_a_camera_that_is_behind_from_its_first_frame_on_is_known_by_a_clock_that_is_set():
    over = threading.Event()
    with (
        ScriptedServer(stamped_stream(-4.0, over)) as server,
        MjpegHttpCamera(server.url, 1.0, CLOCK, 3.0) as camera,
    ):
        asked_s = now_s()
        with pytest.raises(LinkTimeout, match=r"the newest is from [123]\.\d s before the trigger"):
            camera.frame_after(asked_s)
        assert now_s() - asked_s < 2.5
        over.set()


@pytest.mark.parametrize("offset_s", [-1e6, 1e6, 3600.0, -3600.0, 5.0])
def test_a_camera_whose_clock_was_never_set_serves(offset_s):
    over = threading.Event()
    with (
        ScriptedServer(stamped_stream(offset_s, over)) as server,
        MjpegHttpCamera(server.url, 1.0, CLOCK, 3.0) as camera,
    ):
        asked_s = now_s()
        assert asked_s < camera.frame_after(asked_s).captured_monotonic_s < now_s()
        over.set()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("all_equal", ReasonCode.FRAME_UNIFORM),
        ("underexposed", ReasonCode.UNDEREXPOSED),
        ("overexposed", ReasonCode.OVEREXPOSED),
    ],
)
def test_what_no_specimen_can_look_like_is_refused_by_a_gate(emulated, fault, code):
    with emulated("--fps", "30", timeout_s=3.0) as (emulator, camera):
        emulator.tell("present 2")
        emulator.tell(f"fault {fault}")
        asked_s = now_s()
        assert code in codes(camera.frame_after(asked_s), asked_s)


def test_a_slow_camera_is_waited_for(emulated):
    with emulated("--fps", "30", fault="slow=4") as (_, camera):
        moments = [camera.frame_after(now_s()).captured_monotonic_s for _ in range(3)]
        assert moments[2] - moments[0] > 0.4


def test_nobody_at_the_address_is_one_clear_line_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with MjpegHttpCamera(f"http://127.0.0.1:{port}/stream", 1.0, CLOCK) as camera:
        started_s = now_s()
        with pytest.raises(
            LinkConfig, match=rf"127\.0\.0\.1:{port}/stream: cannot connect: Connection refused"
        ):
            camera.frame_after(started_s)
        assert now_s() - started_s < 1.0


def test_a_camera_that_comes_back_at_the_same_address_is_found_again():
    streams = iter([b"", a_part(a_jpeg(80)) + a_part(a_jpeg(81))])
    over = threading.Event()

    def script(connection, _):
        connection.sendall(HEAD + next(streams))
        over.wait(0.1 if server.requests[1:] == [] else 5)

    with ScriptedServer(script) as server, MjpegHttpCamera(server.url, 1.0, CLOCK, 2.0) as camera:
        with pytest.raises(LinkLost):
            camera.frame_after(0.0)
        assert grey_of(camera.frame_after(0.0)) == pytest.approx(81, abs=1)
        over.set()
    assert len(server.requests) == 2


def test_a_wrong_address_is_refused_before_anything_is_opened():
    with pytest.raises(LinkConfig, match="expected http://host"):
        MjpegHttpCamera("rtsp://camera/1", 1.0, CLOCK)


def test_no_thread_and_no_socket_is_left_behind(emulated):
    with emulated("--fps", "60") as (emulator, camera):
        camera.frame_after(now_s())
        assert len(readers()) == 1
        for _ in range(3):
            emulator.tell("fault drop")
            with pytest.raises(LinkLost):
                for _ in range(20):
                    camera.frame_after(now_s())
            emulator.tell("clear drop")
            camera.frame_after(now_s())
        assert len(readers()) == 1
    assert readers() == []
    gc.collect()  # an unclosed socket would warn here, and pytest turns that into a failure
