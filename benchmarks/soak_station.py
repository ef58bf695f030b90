"""What stands for time, devices, networks and layout engine of a soaked station, with faults from dice."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pysqlite3 import dbapi2

from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.errors import DeviceFault, LinkLost, LinkTimeout, ProtocolError, ReportFailed
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion, Defect, ModelVersion, ReportFile, Specimen
from qc_daemon.domain.label import DeclaredLabel, parse_label
from qc_daemon.domain.line import Cue, LineCounts, LineHealth, NoVerdict, StationState
from qc_daemon.domain.ports import Look
from qc_daemon.domain.reasons import Reason
from qc_daemon.domain.spectrum import (
    InstrumentIdentity,
    ReflectanceTile,
    Scan,
    ScanConditions,
    ScanSettings,
    Spectrum,
)

INTERVAL_S = 5.0
_NANO = InstrumentIdentity("nirscan-nano", "NIRscan Nano", "SOAK-1", "2.1.0")
_CAMERA = InstrumentIdentity("folder-camera", "folder", "SOAK-CAM", "1")
_LABEL = parse_label("cotton 60 polyester 40")
# Chance of each fault at its opportunity.
_CHANCES = {
    "link lost": 0.001, "garbage": 0.0005, "device fault": 0.0005, "saturated": 0.002, "camera lost": 0.001,
    "database locked": 0.0003, "certificate failed": 0.001, "clock set": 0.0005, "killed": 0.0005,
}  # fmt: skip


class Killed(BaseException):
    """The process dies here: nothing catches this but the soak."""


class Dice:
    """Draws faults and counts them; `scale` makes all of them more likely."""

    def __init__(self, seed: int, scale: float) -> None:
        self.random = random.Random(seed)
        self._scale = scale
        self.faults: Counter[str] = Counter()

    def hits(self, fault: str) -> bool:
        """Tell whether a fault happens now."""
        hit = self.random.random() < self._scale * _CHANCES[fault]
        self.faults[fault] += hit
        return hit


class SoakClock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self._utc = datetime(2026, 1, 1, tzinfo=UTC)
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        """Return the time on the wall, which may have been set."""
        return self._utc + timedelta(seconds=self.elapsed_s)

    def monotonic_s(self) -> float:
        """Return seconds; each look takes a millisecond."""
        self.elapsed_s += 0.001
        return self.elapsed_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.elapsed_s += seconds

    def set_by(self, seconds: float) -> None:
        """Set the clock on the wall."""
        self._utc += timedelta(seconds=seconds)


class Spectrometer:
    """Answers with one of a few scans, or fails."""

    identity = _NANO

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        if dice.hits("link lost"):
            raise LinkLost("unplugged")

    def measure(self) -> Scan:
        """Return a scan."""
        if self._dice.hits("link lost"):
            raise LinkLost("unplugged")
        if self._dice.hits("garbage"):
            raise ProtocolError("a reply that nobody understands")
        if self._dice.hits("device fault"):
            raise DeviceFault("lamp")
        level = 2**23 if self._dice.hits("saturated") else 100_000 + 100 * self._dice.random.randrange(32)
        return decode_scan(json.dumps({"level": level}).encode())

    def factory_reference(self) -> Scan:
        """Return the maker's white scan."""
        return decode_scan(b'{"level": 200000}')

    def conditions(self) -> ScanConditions:
        """Say nothing of temperatures, so it is warm at once."""
        return ScanConditions()


class Camera:
    """Gives one of a few frames, or none."""

    identity = _CAMERA

    def __init__(self, dice: Dice, clock: SoakClock) -> None:
        self._dice = dice
        self._clock = clock
        self._pictures = [_picture(seed) for seed in range(8)]

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return a frame taken just now."""
        if self._dice.hits("camera lost"):
            raise LinkTimeout("no frame")
        encoded, pixels = self._dice.random.choice(self._pictures)
        return Frame(encoded, pixels, 1.0, _CAMERA, self._clock.now(), monotonic_s + 0.01, 0)

    def is_live(self) -> bool:
        """Say nothing of what the next question brings."""
        return True


class SoakLine:
    """Fabric without end, and a white tile."""

    def next_specimen(self) -> Specimen | None:
        """Return nothing: the trigger says what comes."""
        return None

    def show_white_tile(self) -> ReflectanceTile | None:
        """Show the tile."""
        return ReflectanceTile("tile-1", np.array([800.0, 1800.0]), np.array([0.99, 0.99]))

    def show_grey_tile(self) -> None:
        """Have none."""

    def show_wavelength_standard(self) -> None:
        """Have none."""


class SoakTrigger:
    """Announces specimens until there were enough; meanwhile databases get locked and clocks are set."""

    def __init__(self, dice: Dice, clock: SoakClock, database: Path) -> None:
        self._dice = dice
        self._clock = clock
        self._database = database
        self._lock: dbapi2.Connection | None = None
        self.announced = 0
        self.ended = False

    @property
    def health(self) -> LineHealth:
        """Look at the line; that takes a while, so that a wait for a device ends."""
        self._clock.advance(0.25)
        return LineHealth("", "", "", LineCounts())

    def next_cue(self, _look: Look, _timeout_s: float, /) -> Cue | None:
        """Announce a specimen."""
        self._clock.advance(INTERVAL_S)
        self.release()
        if self._dice.hits("clock set"):
            self._clock.set_by(self._dice.random.choice([-3600.0, -60.0, 60.0, 3600.0]))
        if self._dice.hits("database locked"):
            self._lock = dbapi2.connect(str(self._database), timeout=1.0, isolation_level=None)
            self._lock.execute("BEGIN IMMEDIATE")
        self.announced += 1
        number = self.announced
        specimen = Specimen(
            f"S-{number}", f"LOT-{number // 5000}", f"R-{number // 500}", 2.0 * (number % 500), _LABEL
        )
        return Cue(specimen, may_be_stored=False)

    def release(self) -> None:
        """Let go of the database."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def answer(self, cue: Cue, conclusion: Conclusion) -> None:
        """Hear a verdict."""

    def refuse(self, cue: Cue, why: NoVerdict) -> None:
        """Hear that there is none."""

    def announce(self, state: StationState) -> None:
        """Hear what the station does."""

    def show_alarms(self, word: int) -> None:
        """Hear of alarms."""


class Network:
    """Stands for cleaner, predictor and detector; the process may die in it."""

    version = ModelVersion("composition", "soak", "0" * 64)

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def clean(self, frame: Frame, on_optics: NDArray[np.bool_] | None = None) -> CleanedImage:
        """Find no debris but that on the optics."""
        mask = np.zeros(frame.pixels.shape[:2], bool) if on_optics is None else on_optics
        return CleanedImage(frame.pixels, frame.pixels, mask, frame.um_per_pixel, "soak")

    def find(self, _image: CleanedImage) -> tuple[Defect, ...]:
        """Find one stain."""
        return (Defect("stain", 1, 1, 2, 2, 0.001, 0.9, "minor"),)

    def predict(self, _spectrum: Spectrum, _image: CleanedImage | None) -> Composition:
        """Say one of a few blends."""
        if self._dice.hits("killed"):
            raise Killed
        cotton = self._dice.random.choice([45.0, 52.0, 60.0, 61.0])
        shares = (
            FibreShare("cotton", cotton, cotton - 2.0, cotton + 2.0),
            FibreShare("polyester", 100.0 - cotton, 98.0 - cotton, 102.0 - cotton),
        )
        nothing = Evidence(
            np.zeros((0, 0), np.float32), np.zeros((0, 0), bool), np.array([900.0, 1700.0]),
            np.ones(1, np.float32),
        )  # fmt: skip
        return Composition(
            shares=shares, main_fibre=max(shares, key=lambda one: one.percent).fibre, novelty=0.1,
            novelty_limit=1.0, basis="as labelled, percent by mass", interval_coverage=0.9, evidence=nothing,
        )  # fmt: skip

    def outside_validity(
        self, _spectrum: Spectrum, _composition: Composition, _label: DeclaredLabel | None,
        _spectrometer: InstrumentIdentity,
    ) -> tuple[Reason, ...]:  # fmt: skip
        """Know everything."""
        return ()


class Writer:
    """Writes the same small file for each certificate."""

    def __init__(self, folder: Path, dice: Dice, sha256: str) -> None:
        self._file = folder / "reports" / "soak.pdf"
        self._dice = dice
        self._sha256 = sha256

    def write(self, _number: int, _acquisition: Acquisition, _conclusion: Conclusion) -> ReportFile:
        """Write a certificate, or fail."""
        if self._dice.hits("certificate failed"):
            raise ReportFailed("the layout engine hangs")
        return ReportFile(str(self._file), "en", self._sha256)


def decode_scan(raw: bytes) -> Scan:
    """Return the scan whose raw bytes say at which level it lies."""
    axis_nm = np.linspace(900.0, 1700.0, 40)
    dark = np.full(len(axis_nm), 1000.0)
    return Scan(
        raw=raw, raw_format="soak", serial=_NANO.serial, wavelength_nm=axis_nm,
        counts=dark + float(json.loads(raw)["level"]), dark_counts=dark, full_scale_counts=2.0**23,
        settings=ScanSettings("Column 1", 6, 64), conditions=ScanConditions(31.0, 29.0, 35.0, 3800),
    )  # fmt: skip


def decode_image(encoded: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a PNG to (height, width, 3) RGB."""
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None, name
    return np.asarray(pixels, np.uint8)


@contextmanager
def opened(device: object) -> Iterator[object]:
    """Open a device that needs no closing."""
    yield device


def _picture(seed: int) -> tuple[bytes, NDArray[np.uint8]]:
    patches = np.kron(np.random.default_rng(seed).integers(60, 200, (16, 16, 1)), np.ones((4, 4, 1)))
    pixels = np.repeat(patches, 3, axis=2).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes(), pixels
