"""The serial link on real ptys and a real socket: opening, draining, deadlines, unplugging."""

import os
import socket
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from instruments.transport import SerialLink
from qc_daemon.domain.errors import LinkConfig, LinkLost, LinkTimeout


class Device:
    """The other end of a pty."""

    def __init__(self) -> None:
        self._device, self._peer = os.openpty()
        tty.setraw(self._peer)
        self.port = os.ttyname(self._peer)

    def say(self, data: bytes) -> None:
        os.write(self._device, data)

    def hear(self) -> bytes:
        return os.read(self._device, 65536)

    def unplug(self) -> None:
        if self._device >= 0:
            os.close(self._device)
            os.close(self._peer)
            self._device = -1


@pytest.fixture
def device() -> Iterator[Device]:
    device = Device()
    yield device
    device.unplug()


def test_bytes_go_both_ways_untouched(device: Device) -> None:
    every_byte = bytes(range(256))
    with SerialLink(device.port) as link:
        link.write_all(every_byte)
        assert device.hear() == every_byte
        device.say(every_byte)
        assert link.read_some(1.0) == every_byte


def test_a_read_returns_what_came_at_once_and_nothing_after_its_time(device: Device) -> None:
    with SerialLink(device.port) as link:
        threading.Timer(0.05, device.say, [b"x"]).start()
        started = time.monotonic()
        assert link.read_some(5.0) == b"x"
        assert time.monotonic() - started < 1.0
        started = time.monotonic()
        assert link.read_some(0.1) == b""
        assert 0.1 <= time.monotonic() - started < 0.5


def test_what_an_earlier_connection_left_is_thrown_away(device: Device) -> None:
    device.say(b"half an old rep")
    talking = threading.Timer(0.01, device.say, [b"ly"])
    talking.start()
    with SerialLink(device.port) as link:
        talking.join()
        device.say(b"new")
        assert link.read_some(1.0) == b"new"


def test_a_device_that_never_stops_talking_can_still_be_opened(device: Device) -> None:
    quiet = threading.Event()

    def talk() -> None:
        while not quiet.is_set():
            device.say(b"noise")
            quiet.wait(0.005)

    talker = threading.Thread(target=talk)
    talker.start()
    started = time.monotonic()
    with SerialLink(device.port) as link:
        assert time.monotonic() - started < 3.0
        assert link.read_some(1.0)
    quiet.set()
    talker.join()


def test_the_port_is_nobody_elses_while_it_is_open(device: Device) -> None:
    with SerialLink(device.port):
        message = f"port {device.port} is in use by another program; expected a free port"
        with pytest.raises(LinkConfig, match=message), SerialLink(device.port):
            pass
    with SerialLink(device.port):
        pass


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/dev/does-not-exist", "port /dev/does-not-exist does not exist; expected a serial device, socket"),
        ("/dev/null", "port /dev/null cannot be opened: "),
        ("nonsense://there", "port nonsense://there cannot be opened: invalid URL"),
        ("socket://127.0.0.1:1", "port socket://127.0.0.1:1 cannot be opened: "),
        ("", "port  "),
    ],
)
def test_a_port_that_cannot_be_opened_is_said_in_one_line(url: str, message: str) -> None:
    with pytest.raises(LinkConfig) as refusal, SerialLink(url):
        pass
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_regular_file_is_no_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(LinkConfig, match="cannot be opened"), SerialLink(str(file)):
        pass


def test_an_unplugged_device_is_lost_to_reading_writing_and_closing(device: Device) -> None:
    link = SerialLink(device.port)
    link.open()
    device.unplug()
    with pytest.raises(LinkLost, match=f"port {device.port} was unplugged or the connection broke"):
        link.read_some(1.0)
    with pytest.raises(LinkLost):
        link.write_all(b"x")
    link.close()
    link.close()
    with pytest.raises(LinkLost, match="is not open"):
        link.read_some(1.0)


def test_unplugging_ends_a_read_that_waits(device: Device) -> None:
    with SerialLink(device.port) as link:
        threading.Timer(0.05, device.unplug).start()
        started = time.monotonic()
        with pytest.raises(LinkLost):
            link.read_some(10.0)
        assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    "failure",
    [
        serial.SerialException("device reports readiness to read but returned no data"),
        OSError(5, "Input/output error"),
        termios.error(5, "Input/output error"),
        serial.SerialException(5, "write failed"),
    ],
)
def test_whatever_pyserial_raises_for_an_unplugged_device_is_one_error(
    device: Device, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> bytes:
        raise failure

    with SerialLink(device.port) as link:
        monkeypatch.setattr(serial.Serial, "read", fail)
        monkeypatch.setattr(serial.Serial, "write", fail)
        with pytest.raises(LinkLost, match="was unplugged"):
            link.read_some(1.0)
        with pytest.raises(LinkLost, match="was unplugged"):
            link.write_all(b"x")


def test_a_device_that_takes_no_bytes_does_not_block_for_ever(device: Device) -> None:
    with SerialLink(device.port) as link:
        started = time.monotonic()
        with pytest.raises(LinkTimeout, match="took no bytes for 2 s"):
            link.write_all(bytes(1_000_000))
        assert time.monotonic() - started < 5.0


def test_a_device_server_on_the_network_is_a_port_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = SerialLink(f"socket://127.0.0.1:{server.getsockname()[1]}")
        link.open()
        peer, _ = server.accept()
        with peer:
            link.write_all(b"question")
            assert peer.recv(100) == b"question"
            peer.sendall(b"answer")
            answer = b""
            while len(answer) < 6:
                answer += link.read_some(1.0)
            assert answer == b"answer"
            assert link.read_some(0.05) == b""
        with pytest.raises(LinkLost, match="was unplugged or the connection broke"):
            link.read_some(1.0)
        link.close()
