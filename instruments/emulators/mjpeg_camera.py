"""A network camera without hardware, as a process of its own that streams MJPEG over HTTP.

    python -m instruments.emulators.mjpeg_camera --images FOLDER

binds a free port of this computer and prints one line of JSON with the URL when it is ready. It then
obeys commands on its standard input, one a line ("help" lists them), answers each with one line of
JSON, and ends with its standard input. Once "present" is answered, no frame that begins to be sent
shows what was there before.

A healthy camera differs in every frame by sensor noise, sends JPEG and stamps each frame with the time of
its clock (X-Timestamp). With --untouched it sends the files byte for byte: to the station that is a frozen
camera.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.mjpeg_optics import OPTICAL_FAULTS
from instruments.emulators.mjpeg_scene import Scene, Shot, image_paths
from qc_daemon.domain.errors import ConfigError, QcError

_FAULTS: Mapping[str, str] = {
    "stall": "sends nothing more, but keeps the connection",
    "drop": "closes the connection in the middle of a frame",
    "garbage_part": "sends bytes that are no image",
    "cut_jpeg": "sends the first half of each image as if it were all",
    "endless_part": "begins a part that never ends",
    "frozen": "sends the same frame again and again, whatever is presented",
    "slow": "sends VALUE frames a second (0.5)",
    "not_found": "answers 404",
    "stale": "falls behind: what it sends is up to VALUE seconds old (3)",
    "all_equal": "every pixel has the grey level VALUE (128)",
    **{name: meaning for name, (meaning, _) in OPTICAL_FAULTS.items()},
}
_COMMANDS = ("present N", "present nothing", "fault NAME[=VALUE]", "clear NAME", "help", "quit")
_PATH = "/stream.mjpg"
_BOUNDARY = "frame"
_IDLE_S = 0.02
_CLIENT_TIMEOUT_S = 2.0  # a client that takes nothing for so long is let go


class CameraServer(ThreadingHTTPServer):
    """Serves the stream to any number of clients."""

    daemon_threads = True

    def __init__(self, scene: Scene, fps: float, faults: Sequence[str]) -> None:
        self.scene = scene
        self.fps = fps
        self.faults = ActiveFaults(_FAULTS)
        for fault in faults:
            self.faults.add(fault)
        super().__init__(("127.0.0.1", 0), _StreamHandler)

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"http://127.0.0.1:{self.server_address[1]}{_PATH}"

    def has(self, fault: str) -> bool:
        """Tell whether a fault is active."""
        return self.faults.value(fault) is not None

    def obey(self, words: list[str]) -> dict[str, Any]:
        """Execute one command and return what to answer.

        Raises:
            QcError: there is no such command, image or fault.
        """
        match words:
            case ["present", "nothing"]:
                self.scene.present_nothing()
            case ["present", number] if number.isdecimal():
                return {"present": self.scene.present(int(number))}
            case ["fault", text]:
                self.faults.add(text)
            case ["clear", name]:
                self.faults.clear(name)
            case ["help"]:
                return {"commands": _COMMANDS, "faults": _FAULTS}
            case ["quit"]:
                pass
            case _:
                raise ConfigError(f'command "{" ".join(words)}"; expected one of {", ".join(_COMMANDS)}')
        return {}


class _StreamHandler(BaseHTTPRequestHandler):
    """One client."""

    server: CameraServer
    timeout = _CLIENT_TIMEOUT_S
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Stream until the client goes away."""
        if self.path != _PATH or self.server.has("not_found"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        try:
            for _ in self._ticks():
                self._send_part()
        except OSError:
            pass  # the client is gone

    def log_message(self, *_: Any) -> None:
        """Say nothing: standard error is for what goes wrong."""

    def _ticks(self) -> Iterator[None]:
        """Yield whenever a frame is due; end when the camera drops the connection."""
        due_s = time.monotonic()
        while not self.server.has("not_found"):
            fps = max(self.server.faults.value("slow", 0.5) or self.server.fps, 0.01)
            if self.server.has("stall") or time.monotonic() < due_s:
                time.sleep(_IDLE_S if self.server.has("stall") else min(_IDLE_S, 0.5 / fps))
                continue
            due_s = max(due_s + 1.0 / fps, time.monotonic())
            yield
            if self.server.has("drop"):
                return

    def _send_part(self) -> None:
        with self.server.scene.lock:  # from here until the head is out nothing else can be presented
            shot = self._shot()
            body = b"" if self.server.has("endless_part") else shot.encoded
            self.wfile.write(self._head(shot, len(body)))
        if self.server.has("drop"):
            body = body[: len(body) // 2]
        self.wfile.write(body + b"\r\n")
        while self.server.has("endless_part"):
            self.wfile.write(bytes(65536))

    def _shot(self) -> Shot:
        shot = self.server.scene.shoot(self.server.faults)
        if self.server.has("garbage_part"):
            return replace(shot, encoded=b"\x00garbage" * 512)
        if self.server.has("cut_jpeg"):
            return replace(shot, encoded=shot.encoded[: len(shot.encoded) // 2])
        return shot

    def _head(self, shot: Shot, length: int) -> bytes:
        lines = [f"--{_BOUNDARY}", f"Content-Type: {shot.content_type}", f"X-Timestamp: {shot.taken_s:.6f}"]
        if length:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join((*lines, "", "")).encode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        scene = Scene(image_paths(options.images), untouched=options.untouched)
        with CameraServer(scene, options.fps, options.fault) as server:
            threading.Thread(target=server.serve_forever, args=(_IDLE_S * 5,), daemon=True).start()
            _say(url=server.url)
            _obey_stdin(server)
            server.shutdown()
    except QcError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (BrokenPipeError, KeyboardInterrupt):
        return 0  # nobody listens any more
    return 0


def _obey_stdin(server: CameraServer) -> None:
    for line in sys.stdin:
        try:
            _say(ok=True, **server.obey(line.split()))
        except QcError as error:
            _say(ok=False, error=str(error))
        if line.split() == ["quit"]:
            return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mjpeg_camera", description="A network camera without hardware.")
    parser.add_argument(
        "--images", type=Path, required=True, help="a folder of images, or a text file with one path a line"
    )
    parser.add_argument("--fps", type=_positive, default=10.0, help="frames a second (10)")
    parser.add_argument("--untouched", action="store_true", help="send the files byte for byte")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE]")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 1000.0:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0, at most 1000")
    return value


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
