"""A line without hardware: emulated instruments and the cloth that moves in front of them."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from instruments.emulators.process import EmulatorProcess
from instruments.emulators.scene import GREY_REFLECTANCE, standard_peaks_nm
from instruments.emulators.tape import read_tape
from qc_daemon.domain.calibration import WavelengthStandard
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.spectrum import ReflectanceTile

# Sintered PTFE reads 0.98..0.99 between 900 and 1700 nm; the emulated tile is exact by construction.
_TILE = ReflectanceTile("emulated-tile", np.array([400.0, 3000.0]), np.array([1.0, 1.0]))
_GREY_TILE = ReflectanceTile("emulated-grey", _TILE.wavelength_nm, GREY_REFLECTANCE * _TILE.reflectance)
_STANDARD_ID = "emulated-standard"
_POWERED_S = 3600.0  # it was on before the line began, so nothing drifts any more


class EmulatedLine:
    """Emulators of spectrometer and camera that are shown the same specimen; a context manager.

    Args:
        emulator: which spectrometer: a module of this package.
        specimens: what lies at each row of the tape.
        tape: recorded or virtual scans, row by row (`instruments.emulators.tape`).
        images: the micrograph of each row, or None for a line without a camera.
        scan_time_s: how long a scan takes; 0 also takes the pacing off the serial line.
        loop: start again after the last specimen.
        reference_of_row: which recorded white reference belongs to each row, for a line of recordings;
            None for a line that has a white tile to show.
    """

    def __init__(
        self,
        emulator: str,
        specimens: Sequence[Specimen],
        tape: Path,
        images: Sequence[Path] | None,
        scan_time_s: float,
        loop: bool,
        reference_of_row: Sequence[int] | None,
    ) -> None:
        self._emulator = emulator
        self._specimens = specimens
        self._tape = tape
        self._images = images
        self._scan_time_s = scan_time_s
        self._loop = loop
        self._reference_of_row = reference_of_row
        self._next_row = 0
        self._reference_shown = reference_of_row[0] if reference_of_row is not None else None
        self._reference_changed = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            pacing = "--baud-paced" if self._scan_time_s > 0 else "--unpaced"
            self._spectrometer = stack.enter_context(
                EmulatorProcess(
                    f"instruments.emulators.{self._emulator}",
                    [
                        "--tape",
                        str(self._tape),
                        "--scan-time-s",
                        str(self._scan_time_s),
                        pacing,
                        "--powered-s",
                        str(_POWERED_S),
                    ],
                )
            )
            self._camera = None
            if self._images is not None:
                listing = self._tape.with_suffix(".images.txt")
                listing.write_text("".join(f"{path}\n" for path in self._images), encoding="utf-8")
                self._camera = stack.enter_context(
                    EmulatorProcess("instruments.emulators.mjpeg_camera", ["--images", str(listing)])
                )
            self._spectrometer.tell("present 0")  # whose recorded reference the instrument now holds
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def spectrometer_port(self) -> str:
        """The serial port of the emulated spectrometer."""
        return str(self._spectrometer.ready["port"])

    @property
    def camera_url(self) -> str | None:
        """The address of the emulated camera, or None on a line without one."""
        return str(self._camera.ready["url"]) if self._camera is not None else None

    def next_specimen(self) -> Specimen | None:
        """Move the next specimen in front of both instruments; None after the last one."""
        row = self._next_row
        if row == len(self._specimens):
            if not self._loop:
                return None
            row = 0
        self._spectrometer.tell(f"present {row}")
        if self._camera is not None:
            self._camera.tell(f"present {row}")
        self._next_row = row + 1
        if self._reference_of_row is not None:
            self._reference_changed = self._reference_of_row[row] != self._reference_shown
            self._reference_shown = self._reference_of_row[row]
        return self._specimens[row]

    def reference_changed(self) -> bool:
        """Tell whether this row was recorded with another white reference than the row before."""
        return self._reference_changed

    def show_white_tile(self) -> ReflectanceTile | None:
        """Put the white tile in front of the spectrometer, if the line has one."""
        if self._reference_of_row is not None:
            return None
        self._spectrometer.tell("present white")
        return _TILE

    def show_grey_tile(self) -> ReflectanceTile | None:
        """Put the grey tile there, if the line has one."""
        if self._reference_of_row is not None:
            return None
        self._spectrometer.tell("present grey")
        return _GREY_TILE

    def show_wavelength_standard(self) -> WavelengthStandard | None:
        """Put the wavelength standard there, if the line has one."""
        if self._reference_of_row is not None:
            return None
        self._spectrometer.tell("present standard")
        return WavelengthStandard(_STANDARD_ID, standard_peaks_nm(read_tape(self._tape).wavelength_nm))
