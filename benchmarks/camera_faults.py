"""How soon a camera that misbehaves is found out, and whether a wrong frame is ever judged.

    python -m benchmarks.camera_faults

Each fault of the camera emulator, over a real socket: from its first frame on, and coming while the camera
runs. Before each inspection another virtual micrograph (simulated) is laid under the lens; a frame that
passes the gates and shows another one than that is a stale frame judged. The target: a frozen camera or one
that is behind found out within 2 frames or 2 s, no stale frame judged.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from instruments.camera.mjpeg_http import MjpegHttpCamera
from instruments.camera.scaled import MeasuredScaleCamera
from instruments.emulators.process import EmulatorProcess
from models.filling_methods import TELEA
from models.image_cleaner import DebrisCleaner
from models.virtual_mill.micrographs import render_micrograph
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import InstrumentError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.pixel_scale import PixelScale
from qc_daemon.domain.ports import MicroscopeCamera
from qc_daemon.domain.quality import FrameLimits, assess_cleaned, assess_frame

CLOCK, LIMITS, CLEANER = SystemClock(), FrameLimits(), DebrisCleaner(TELEA)
FIELDS = ({"cotton": 1.0}, {"polyester": 1.0}, {"wool": 1.0}, {"viscose": 0.5, "cotton": 0.5})
FAULTS = (
    "frozen", "stale=30", "all_equal", "cut_jpeg", "garbage_part", "endless_part", "stall", "drop",
    "not_found", "wrong_size", "underexposed", "overexposed", "defocused", "debris", "slow=2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault.

    Attributes:
        onset: "from the start" or "while it runs".
        found_by: what said so first; "nothing" if every frame was judged.
        judged_before: frames that passed the gates before that.
        seconds: of the call that found it out.
        stale_judged: frames that passed and showed another field than the one that lay there.
        right_judged: frames that passed and showed the field that lay there.
    """

    fault: str
    onset: str
    found_by: str
    judged_before: int
    seconds: float
    stale_judged: int
    right_judged: int


def measure(fault: str, onset: str, folder: Path, fields: Sequence[np.ndarray], asks: int) -> Row:
    """Ask a camera with a fault for frames; return what came of it."""
    found_by, found_s, judged_before, right, stale = "", 0.0, 0, 0, 0
    with ExitStack() as stack:
        at_once = ["--fault", fault] if onset == "from the start" else []
        arguments = ["--images", str(folder), "--fps", "15", *at_once]
        emulator = stack.enter_context(EmulatorProcess("instruments.emulators.mjpeg_camera", arguments, 60.0))
        camera = stack.enter_context(_camera(emulator.ready["url"], fields[0].shape))
        if not at_once:
            for number in range(3):
                emulator.tell(f"present {number}")
                camera.frame_after(CLOCK.monotonic_s())
            emulator.tell(f"fault {fault}")
        for ask in range(asks):
            number = ask % len(fields)
            emulator.tell(f"present {number}")
            asked_s = CLOCK.monotonic_s()
            refused, frame = _inspected(camera, asked_s)
            if refused and not found_by:
                found_by, found_s, judged_before = refused, CLOCK.monotonic_s() - asked_s, right + stale
            if frame is not None:
                shows_it = _nearest(frame, fields) == number
                right, stale = right + shows_it, stale + (not shows_it)
    return Row(fault, onset, found_by or "nothing", judged_before, round(found_s, 2), stale, right)


def _camera(url: str, shape: tuple[int, ...]) -> MeasuredScaleCamera:
    """Return a camera whose scale was measured at the size of the fields."""
    camera = MjpegHttpCamera(url, 1.0, CLOCK)
    height, width, _ = shape
    identity = camera.identity
    scale = PixelScale(2.0, 0.001, identity.kind, identity.serial, width, height, 90.0, "x", CLOCK.now())
    return MeasuredScaleCamera(camera, [scale])


def _inspected(camera: MicroscopeCamera, asked_s: float) -> tuple[str, Frame | None]:
    """Return why there is no frame to judge, or the frame."""
    try:
        frame = camera.frame_after(asked_s)
    except InstrumentError as error:
        return type(error).__name__, None
    reasons = list(assess_frame(frame, asked_s, LIMITS))
    reasons = reasons or list(assess_cleaned(CLEANER.clean(frame), LIMITS))
    return (", ".join(reason.code.value for reason in reasons), None) if reasons else ("", frame)


def _nearest(frame: Frame, fields: Sequence[np.ndarray]) -> int:
    """Return which field a frame shows."""
    size = fields[0].shape[1::-1]
    seen = cv2.resize(frame.pixels, size).astype(float)
    return int(np.argmin([np.abs(seen - field).mean() for field in fields]))


def main() -> None:
    """Go through all faults, print the table, write it if told where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--asks", type=int, default=8, help="inspections for each fault (8)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        fields = [
            render_micrograph(shares, np.random.default_rng(9), debris_pieces=0).pixels for shares in FIELDS
        ]
        for number, pixels in enumerate(fields):
            cv2.imwrite(str(Path(scratch) / f"{number}.png"), pixels[..., ::-1])
        for fault in FAULTS:
            for onset in ("from the start", "while it runs"):
                rows.append(
                    measure(fault, onset, Path(scratch), [f.astype(float) for f in fields], options.asks)
                )
                print(rows[-1], file=sys.stderr)
    table = Table(*asdict(rows[0]))
    for row in rows:
        table.add_row(*map(str, asdict(row).values()))
    Console(width=None if sys.stdout.isatty() else 130).print(table)
    if options.out:
        options.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
