"""Lines without hardware: virtual or recorded fabric in front of emulated instruments.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config, EmulatedLineSection, StationSection
from qc_daemon.domain.inspection import Conclusion, Specimen
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel, parse_label
from qc_daemon.domain.ports import Line
from qc_daemon.domain.spectrum import REPLAYED_SERIAL, VIRTUAL_SERIAL
from qc_daemon.pipeline import Judges
from qc_daemon.wiring.spectrometers import EMULATORS, emulated_axis

if TYPE_CHECKING:
    from instruments.emulators.line import EmulatedLine
    from models.training.dataset import Dataset


def demo_config(folder: Path) -> Config:
    """Return the configuration of the demo station in `folder`."""
    station = StationSection(name="Demo line", folder=folder)
    return Config(station=station, emulated_line=EmulatedLineSection())


@contextmanager
def open_line(config: Config) -> Iterator[Line]:
    """Open the line of a configuration: virtual fabric that passes for ever, or a timer."""
    section = config.emulated_line
    if section is None:
        yield timer_line(config)
    else:
        with mill_line(section, loop=True) as line:
            yield line


@contextmanager
def mill_line(section: EmulatedLineSection, loop: bool) -> Iterator["EmulatedLine"]:
    """Open a line on which the fabric of the virtual mill passes, once or for ever."""
    from instruments.emulators.line import EmulatedLine
    from models.virtual_mill.specimens import write_mill

    with TemporaryDirectory(prefix="qc-fabric-") as scratch:
        axis_nm = emulated_axis(section.spectrometer)
        dataset = write_mill(Path(scratch) / "fabric", section.specimens, section.seed, axis_nm)
        tape_file, _ = write_scans_as_tape(dataset, Path(scratch), VIRTUAL_SERIAL)
        with EmulatedLine(
            emulator=EMULATORS[section.spectrometer],
            specimens=[_milled_specimen(dataset, row) for row in range(len(dataset))],
            tape=tape_file,
            images=_micrographs(dataset),
            scan_time_s=section.scan_time_s,
            loop=loop,
            reference_of_row=None,
        ) as line:
            yield line


@contextmanager
def replay_line(folder: Path) -> Iterator["EmulatedLine"]:
    """Open a line on which the recorded scans of a dataset folder pass once."""
    from instruments.emulators.line import EmulatedLine

    dataset = read_scans(folder)
    with TemporaryDirectory(prefix="qc-replay-") as scratch:
        tape_file, reference_of_row = write_scans_as_tape(dataset, Path(scratch), REPLAYED_SERIAL)
        with EmulatedLine(
            emulator=EMULATORS["nirscan-nano"],
            specimens=[_recorded_specimen(dataset, row) for row in range(len(dataset))],
            tape=tape_file,
            images=_micrographs(dataset),
            scan_time_s=0.0,
            loop=False,
            reference_of_row=reference_of_row,
        ) as line:
            yield line


def timer_line(config: Config) -> Line:
    """Return the line that names specimens by the clock."""
    from instruments.line.timer import TimerLine

    section = config.line
    label = parse_label(section.label) if section.label else None
    return TimerLine(section.lot, section.roll, label, SystemClock())


def read_scans(path: Path) -> "Dataset":
    """Read a dataset folder, or a folder of NIRscan Nano files."""
    from instruments.nirscan_nano.files import read_scan_file
    from models.training.datasets import read_dataset

    return read_dataset(path, read_scan_file)


def write_scans_as_tape(dataset: "Dataset", folder: Path, serial: str) -> tuple[Path, list[int]]:
    """Write the scans of a dataset as a tape; return it and which reference belongs to which row."""
    from instruments.emulators.tape import Tape, counts_of_absorbance, write_tape

    sample, reference = dataset.sample_counts, dataset.reference_counts
    if sample is None or reference is None:
        sample, reference = counts_of_absorbance(dataset.absorbance)
    references, reference_of_row = np.unique(np.rint(reference), axis=0, return_inverse=True)
    unknown = np.full(len(dataset), np.nan)
    tape = Tape(
        wavelength_nm=dataset.wavelength_nm,
        sample_counts=np.rint(sample).astype(np.int64),
        reference_counts=references.astype(np.int64),
        reference_index=reference_of_row,
        system_temperature_c=unknown,
        detector_temperature_c=unknown,
        humidity_percent=unknown,
        lamp_photodiode_counts=unknown,
        names=dataset.specimens,
        serial=serial,
        pga_gain=64,
        repeats=6,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scans.tape.npz"
    write_tape(path, tape)
    return path, [int(index) for index in reference_of_row]


def _micrographs(dataset: "Dataset") -> list[Path] | None:
    """Return the micrograph of each row; None if not every row has one of known scale."""
    paths = [dataset.micrograph_path(row) for row in range(len(dataset))]
    known = [path for path in paths if path is not None]
    return known if len(known) == len(paths) else None


def _recorded_specimen(dataset: "Dataset", row: int) -> Specimen:
    """Return a recorded specimen, declared as what the recording says it is."""
    shares = dataset.shares[row]
    label = whole_percent_label(dataset.fibres, shares) if shares.sum() > 0 else None
    return Specimen(dataset.specimens[row], dataset.folder.name, dataset.specimens[row], 0.0, label)


def _milled_specimen(dataset: "Dataset", row: int) -> Specimen:
    """Return a virtual specimen; every fourth is declared falsely so that a verdict can be seen to fail."""
    shares = dataset.shares[row]
    label = whole_percent_label(dataset.fibres, falsified(shares) if row % 4 == 3 else shares)
    return Specimen(dataset.specimens[row], "VIRTUAL-LOT", f"ROLL-{1 + row // 12}", 2.5 * (row % 12), label)


def falsified(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares (k,) that call up to 30 points of the main fibre by the name of the rarest one."""
    false = shares.copy()
    main, other = int(np.argmax(shares)), int(np.argmin(shares))
    moved = min(0.3, shares[main] / 2)
    false[main] -= moved
    false[other] += moved
    return false


def whole_percent_label(fibres: Sequence[str], shares: NDArray[np.float64]) -> DeclaredLabel:
    """Return whole percentages that sum to 100, by largest remainder, as a label would state them."""
    percent = 100.0 * shares / shares.sum()
    whole = np.floor(percent).astype(int)
    for index in np.argsort(whole - percent)[: 100 - int(whole.sum())]:
        whole[index] += 1
    named = [(fibre, share) for fibre, share in zip(fibres, whole, strict=True) if share > 0]
    lines = tuple(DeclaredFibre(fibre, float(share)) for fibre, share in named)
    return DeclaredLabel(" ".join(f"{fibre} {share}" for fibre, share in named), lines)


@dataclass(frozen=True, slots=True)
class ReplayAgreement:
    """How far the station's shares are from a prediction on the recorded spectra, in percentage points."""

    compared: int
    not_inferred: int
    largest_difference_pp: float

    def sentence(self) -> str:
        """Return it in words."""
        return (
            f"{self.compared} scans compared with a prediction on the recorded spectra: largest difference "
            f"{self.largest_difference_pp:.1e} percentage points; {self.not_inferred} scans not inferred"
        )


def replay_agreement(judges: Judges, folder: Path, conclusions: Sequence[Conclusion]) -> ReplayAgreement:
    """Compare what went over the wire with `qc-daemon predict` on the same recorded spectra."""
    from models.composition_predictor import IsicPredictor
    from models.training.predict import predict_dataset

    assert isinstance(judges.predictor, IsicPredictor)
    predicted = predict_dataset(judges.predictor, judges.cleaner, read_scans(folder))
    differences = [
        abs(measured.percent - recorded.percent)
        for conclusion, composition in zip(conclusions, predicted, strict=True)
        if conclusion.composition is not None
        for measured, recorded in zip(conclusion.composition.shares, composition.shares, strict=True)
    ]
    inferred = sum(conclusion.composition is not None for conclusion in conclusions)
    return ReplayAgreement(inferred, len(conclusions) - inferred, max(differences, default=0.0))
