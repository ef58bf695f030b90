"""Opens a station: its line, instruments, judges, store and report writer.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from qc_daemon.clock import SystemClock, new_id
from qc_daemon.config import Config
from qc_daemon.domain.ports import AlarmStore, Line, MicroscopeCamera
from qc_daemon.domain.quality import FrameLimits, ScanLimits
from qc_daemon.domain.rules import rule_named
from qc_daemon.domain.warm_up import WarmUpLimits
from qc_daemon.pipeline import Judges
from qc_daemon.wiring.calibration_settings import configured_transfer, reference_limits, tile_on_request
from qc_daemon.wiring.cameras import camera_of, flat_field
from qc_daemon.wiring.cleaning import open_cleaner
from qc_daemon.wiring.database import open_store
from qc_daemon.wiring.model_choice import chosen_checkpoint
from qc_daemon.wiring.optics import known_dirt, optics_care
from qc_daemon.wiring.spectrometers import spectrometer_of
from qc_daemon.wiring.templates import templates_in_use
from qc_daemon.workplace import Instruments, Workplace

if TYPE_CHECKING:
    from models.composition_predictor import IsicPredictor
    from reports.renderer import CertificateWriter
    from storage.inspection_store import SqlInspectionStore

log = structlog.get_logger()


@contextmanager
def open_repaired_store(config: Config) -> Iterator["SqlInspectionStore"]:
    """Open the store of a station to write, before anything else: one process alone may talk to the line.

    Raises:
        StoreUnavailable: another process writes the station, or its database cannot be used.
    """
    with open_store(config) as store:
        repair(store)
        yield store


@contextmanager
def open_workplace(
    config: Config, closed_line: AbstractContextManager[Line], store: "SqlInspectionStore"
) -> Iterator[Workplace]:
    """Open everything that a station works with, its instruments excepted.

    The judges load their models while the line opens: both wait for processes that start.

    Raises:
        CheckpointError: the model folder is incomplete or altered.
    """
    _import_models()
    with ExitStack() as stack, ThreadPoolExecutor(1, "judges") as pool:
        opening = pool.submit(stack.enter_context, open_judges(config, config.judgement.checkpoint))
        writer = stack.enter_context(_certificate_writer(config, store))
        line = stack.enter_context(closed_line)
        judges = replace(opening.result(), optics=known_dirt(config))
        yield Workplace(
            judges=judges,
            store=store,
            report_writer=writer,
            line=line,
            open_spectrometer=lambda: spectrometer_of(config, line),
            open_camera=camera_opener(config, line),
            requested_tile=tile_on_request(config, line),
            warm_up=_warm_up_limits(config),
            optics_care=optics_care(config, judges.flat_field),
        )


def _import_models() -> None:
    """Import here what two threads could otherwise find half imported by one another."""
    import models.composition_predictor
    import models.defect_detector
    import models.filling_methods
    import models.image_cleaner
    import models.optics_dirt
    import models.runtimes.onnx
    import models.runtimes.worker  # noqa: F401


def _certificate_writer(config: Config, store: "SqlInspectionStore") -> "CertificateWriter":
    from reports.renderer import CertificateWriter
    from storage.report_reader import SqlReportReader

    section = config.station
    surroundings = SqlReportReader(store).surroundings
    folder = section.folder / "reports"
    return CertificateWriter(folder, section.language, section.name, surroundings, templates_in_use(config))


def _warm_up_limits(config: Config) -> WarmUpLimits:
    """Return when the spectrometer counts as warm; an emulated one has been on for an hour."""
    return WarmUpLimits() if config.emulated_line is None else WarmUpLimits(longest_s=0.0)


def repair(store: "SqlInspectionStore") -> None:
    """Repair what a crash left in a station, and log what that was."""
    recovery = store.recover()
    if recovery.unfinished_files or any(
        (recovery.drained.stored, recovery.drained.quarantined, recovery.drained.waiting)
    ):
        log.info(
            "repaired",
            unfinished_files=recovery.unfinished_files,
            stored=recovery.drained.stored,
            quarantined=recovery.drained.quarantined,
            waiting=recovery.drained.waiting,
        )


@contextmanager
def open_judges(config: Config, checkpoint: Path | None) -> Iterator[Judges]:
    """Open what turns facts into opinions; with the station's own model if no checkpoint is named."""
    from models.defect_detector import ClassicalDefectDetector

    clock = SystemClock()
    limits = config.judgement
    with open_predictor(checkpoint or chosen_checkpoint(config), limits.runtime) as predictor:
        yield Judges(
            cleaner=open_cleaner(),
            predictor=predictor,
            defect_detector=ClassicalDefectDetector(),
            tolerance=rule_named(limits.rule),
            scan_limits=ScanLimits(),
            reference_limits=reference_limits(config),
            transfer=configured_transfer(config),
            flat_field=flat_field(config),
            frame_limits=FrameLimits(max_filled_percent=limits.max_filled_percent),
            software_version=version("textile-qc-station"),
            clock=clock,
            new_id=new_id,
            runtime=runtime_name(limits.runtime),
        )


def runtime_name(kind: str) -> str:
    """Return what computes the networks, with its version; answers of equal ones are bit for bit alike."""
    package = {"onnx": "onnxruntime", "mindspore": "mindspore"}.get(kind)
    return f"{kind} {version(package)}" if package else kind


def inspection_store(workplace: Workplace) -> "SqlInspectionStore":
    """Return the store of a workplace with all that this room's other files need of it."""
    from storage.inspection_store import SqlInspectionStore

    assert isinstance(workplace.store, SqlInspectionStore)
    return workplace.store


def certificate_writer(workplace: Workplace) -> "CertificateWriter":
    """Return the report writer of a workplace."""
    from reports.renderer import CertificateWriter

    assert isinstance(workplace.report_writer, CertificateWriter)
    return workplace.report_writer


def alarm_store(store: "SqlInspectionStore") -> AlarmStore:
    """Return the history of alarms in a store."""
    from storage.alarm_rows import SqlAlarmStore

    return SqlAlarmStore(store)


@contextmanager
def open_predictor(folder: Path, runtime_kind: str = "onnx") -> Iterator["IsicPredictor"]:
    """Serve a checkpoint with a runtime in a worker process."""
    from models.checkpoint import load_checkpoint
    from models.composition_predictor import IsicPredictor
    from models.runtimes.worker import WorkerRuntime

    checkpoint = load_checkpoint(folder)
    runtime = WorkerRuntime(folder, runtime_kind)
    try:
        yield IsicPredictor(checkpoint, runtime)
    finally:
        runtime.close()


def released_checkpoint() -> Path:
    """Return the folder of the ISiC-Net that this version ships."""
    from models.checkpoint import RELEASED

    return RELEASED


def camera_opener(
    config: Config, line: Line
) -> Callable[[], AbstractContextManager[MicroscopeCamera]] | None:
    """Return what makes the camera of a configuration; None if it has none."""

    def make() -> AbstractContextManager[MicroscopeCamera]:
        camera = camera_of(config, line)
        assert camera is not None
        return camera

    return make if camera_of(config, line) is not None else None


@contextmanager
def open_instruments(config: Config, line: Line) -> Iterator[Instruments]:
    """Open the instruments of the configuration, or the emulated ones of a line without hardware."""
    with ExitStack() as stack:
        spectrometer = stack.enter_context(spectrometer_of(config, line))
        camera = camera_of(config, line)
        yield Instruments(spectrometer, stack.enter_context(camera) if camera is not None else None)
