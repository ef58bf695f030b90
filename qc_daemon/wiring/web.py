"""Puts the operators' page together: a process that only reads, and the desk that it brings requests to.

Heavy packages are imported where they are used, so that a command starts at once.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_daemon.alarms import Alarms
from qc_daemon.children import Child, beat
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.errors import ConfigError, InputError
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.domain.page import DutyLine, ModelSheet
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.requests import ActivateModel
from qc_daemon.domain.sampling import RollJudgement, SamplingPlan, judge_roll
from qc_daemon.settings.web import WebSection
from qc_daemon.status import read_status
from qc_daemon.wiring.archive import status_file
from qc_daemon.wiring.calibration import duties_known_to
from qc_daemon.wiring.database import open_inspections
from qc_daemon.wiring.model_choice import COMPOSITION, chosen_checkpoint, station_models
from qc_daemon.wiring.parity_record import kept_parity

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint
    from models.validity import ValidityRange
    from qc_daemon.desk import FrontDesk
    from qc_daemon.web.parts import Parts
    from storage.inspection_reader import SqlInspectionReader
    from storage.inspection_store import SqlInspectionStore

_NICENESS = 10  # who looks on must not slow the line down


@contextmanager
def open_page(
    config: Config, store: "SqlInspectionStore", alarms: Alarms, say: Callable[[str], None]
) -> Iterator[tuple[Child, ...]]:
    """Serve the page of a station and the desk behind it; nothing if the configuration has no [web].

    Args:
        config: of the station.
        store: the only writer of its database.
        alarms: of the running station.
        say: tells the person at the console where the page is, and how to make the first admin.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    from qc_daemon.desk_socket import open_desk

    section = config.web
    if section is None:
        yield ()
        return
    desk = front_desk(config, section, store, alarms)
    with _listening(section) as listening, open_desk(config.station.folder, desk):
        address = section.model_copy(update={"port": listening.getsockname()[1]}).address
        say(f"the operators' page is on {address}")
        token = desk.first_token()
        if token:
            say(f"nobody can log in yet; make the first admin at {address}/setup?token={token}")
        document = config.model_dump(mode="json")
        child = Child("page", serve_page, (document, listening), SystemClock())
        child.start()
        try:
            yield (child,)
        finally:
            child.stop()


def serve_page(heart: Connection, document: dict[str, Any], listening: socket.socket) -> None:
    """Be the process of the page."""
    from qc_daemon.web.server import serve

    os.nice(_NICENESS)
    config = Config.model_validate(document)
    assert config.web is not None, "the page is served only with a section [web]"
    with open_inspections(config) as reader:
        parts = page_parts(config, config.web, reader, SystemClock())
        serve(parts, config.web, listening, lambda: beat(heart))


def page_parts(config: Config, section: WebSection, reader: "SqlInspectionReader", clock: Clock) -> "Parts":
    """Return what the page of a station works with."""
    from qc_daemon.desk_socket import DeskSocket
    from qc_daemon.web.parts import Parts, Pictures, Wording
    from reports.fonts import font_folders
    from reports.reason_wording import reason_sentence
    from reports.screen import micrograph_on_screen, spectrum_svg
    from reports.wording import fibre_name, term
    from storage.page_reader import SqlPageReader
    from storage.people import SqlPeopleReader

    folder = config.station.folder
    return Parts(
        station_name=config.station.name,
        station_folder=folder,
        reader=SqlPageReader(reader),
        people=SqlPeopleReader(reader.reading),
        desk=DeskSocket(folder),
        status=lambda: read_status(status_file(folder), clock.now()),
        duties=lambda: _duty_lines(reader, config),
        judge_roll=lambda lot, roll: _roll_judgement(reader, config, lot, roll),
        models=_ModelSheets(config),
        pictures=Pictures(spectrum_svg, micrograph_on_screen),
        wording=Wording(reason_sentence, fibre_name, term),
        clock=clock,
        chinese_font=next(font_folders()[0].glob("*.otf")),
        secure=section.tls_certificate is not None,
        session_s=3600.0 * section.session_hours,
    )


def front_desk(
    config: Config, section: WebSection, store: "SqlInspectionStore", alarms: Alarms
) -> "FrontDesk":
    """Return the desk of a station whose store is open."""
    from qc_daemon.desk import DeskSettings, FrontDesk
    from storage.people import SqlPeopleBook

    return FrontDesk(
        people=SqlPeopleBook(store.reading, store.transaction),
        alarms=alarms,
        activate=lambda request, who: _activate(config, store, request, who),
        clock=SystemClock(),
        settings=DeskSettings(timedelta(hours=section.session_hours)),
    )


@contextmanager
def _listening(section: WebSection) -> Iterator[socket.socket]:
    """Listen before any child does: a port in use is said at once, and a restarted page keeps it."""
    family = socket.AF_INET6 if ":" in section.host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((section.host, section.port))
        except OSError as error:
            raise ConfigError(
                f"web: cannot listen on {section.host} port {section.port}: {error.strerror}"
            ) from error
        listening.listen(128)
        yield listening


def _activate(config: Config, store: "SqlInspectionStore", request: ActivateModel, who: str) -> None:
    """Let a model prove itself in the station's runtime, then make it the one from the next start on."""
    from models.library import model_named
    from models.runtimes.opening import open_runtime
    from storage.ledger import append
    from storage.model_activations import add_activation

    if config.judgement.checkpoint is not None:
        raise ConfigError(f"judgement.checkpoint names {config.judgement.checkpoint}, which would win")
    checkpoint = model_named(request.name, station_models(config.station.folder))
    if checkpoint.digest != request.digest:
        raise InputError(f"model {request.name} has changed since it was read; read it again")
    open_runtime(checkpoint, config.judgement.runtime).close()
    version = ModelVersion(COMPOSITION, checkpoint.manifest.name, checkpoint.digest)
    at = SystemClock().now()
    with store.transaction() as session:
        add_activation(session, version, at)
        append(
            session, "model_activation", version.name, {"digest": version.digest, "why": request.why}, at, who
        )


def _duty_lines(reader: "SqlInspectionReader", config: Config) -> tuple[DutyLine, ...]:
    return tuple(
        DutyLine(spectrometer.serial, duty.what, duty.state, duty.done_at, duty.due_at)
        for spectrometer in duties_known_to(reader, config)
        for duty in spectrometer.duties
    )


def _roll_judgement(
    reader: "SqlInspectionReader", config: Config, lot: str, roll: str
) -> RollJudgement | None:
    from storage.period_rows import lot_record

    with reader.reading() as session:
        record = lot_record(session, lot, roll)
    figures = [one.figures for one in record.inspections]
    if record.rule is None:
        return None
    plan = SamplingPlan(config.sampling.specimens_per_roll, config.sampling.rolls_per_lot)
    return judge_roll(figures, record.rule, plan)


class _ModelSheets:
    """Lists models; they are verified byte by byte once, and again only when a file of them has changed."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._files: tuple[tuple[str, int], ...] = ()
        self._sheets: tuple[tuple[Path, ModelSheet], ...] = ()

    def __call__(self) -> tuple[ModelSheet, ...]:
        """Return every model, the shipped ones first."""
        from models.checkpoint import RELEASED
        from models.library import all_models

        own = station_models(self._config.station.folder)
        files = tuple(
            (str(file), file.stat().st_mtime_ns)
            for parent in (RELEASED.parent, own)
            for file in sorted(parent.glob("*/*"))
        )
        if files != self._files:
            self._sheets = tuple(
                (model.folder.resolve(), _model_sheet(model.name, model.checkpoint, model.problem))
                for model in all_models(own)
            )
            self._files = files
        active = chosen_checkpoint(self._config).resolve()
        station = self._config.station.folder
        return tuple(
            replace(sheet, active=folder == active, parity=kept_parity(station, sheet.digest))
            for folder, sheet in self._sheets
        )


def _model_sheet(name: str, checkpoint: "Checkpoint | None", problem: str) -> ModelSheet:
    if checkpoint is None:
        return ModelSheet(name, "", False, problem, (), "", (), (), None)
    manifest = checkpoint.manifest
    return ModelSheet(
        name=name,
        digest=checkpoint.digest,
        active=False,
        problem="",
        fibres=manifest.fibres,
        basis=manifest.basis,
        validity=tuple(_validity_lines(manifest.validity)) if manifest.validity else (),
        versions=manifest.versions,
        parity=None,
    )


def _validity_lines(validity: "ValidityRange") -> Iterator[str]:
    for seen in validity.seen:
        parts = (
            f"{fibre} {100 * lo:.0f}–{100 * hi:.0f} %"
            for fibre, lo, hi in zip(seen.fibres, seen.lo, seen.hi, strict=True)
        )
        yield f"{', '.join(parts)} · {seen.specimens} · {seen.instrument}"
