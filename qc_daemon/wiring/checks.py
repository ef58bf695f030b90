"""The look at everything before the line starts.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.errors import IntegrityError, QcError
from qc_daemon.wiring.archive import check_promises
from qc_daemon.wiring.calibration_settings import calibration_files, look_at_calibration
from qc_daemon.wiring.database import url_of
from qc_daemon.wiring.lines import timer_line
from qc_daemon.wiring.model_choice import chosen_checkpoint
from qc_daemon.wiring.station import open_instruments, open_predictor
from qc_daemon.wiring.templates import look_at_templates
from qc_daemon.wiring.triggers import look_at_line


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of `qc-daemon check`: what was looked at, what was found, whether it will do."""

    what: str
    ok: bool
    found: str


def check_everything(config: Config) -> list[CheckLine]:
    """Look at database, model and instruments the way the station would; change nothing."""
    looks: list[tuple[str, Callable[[], str]]] = [
        ("database", lambda: _look_at_database(config)),
        ("model", lambda: _look_at_model(config)),
    ]
    if calibration_files(config.calibration):
        looks.append(("calibration", lambda: look_at_calibration(config)))
    if config.report.template_folder is not None:
        looks.append(("templates", lambda: look_at_templates(config)))
    if config.emulated_line is None:
        looks.append(("instruments", lambda: _look_at_instruments(config)))
    if config.line.trigger != "timer":
        looks.append(("line", lambda: look_at_line(config)))
    return [_looked(what, look) for what, look in looks]


def _looked(what: str, look: Callable[[], str]) -> CheckLine:
    try:
        return CheckLine(what, True, look())
    except QcError as error:
        return CheckLine(what, False, str(error))


def _look_at_database(config: Config) -> str:
    from storage.database_url import database_of
    from storage.schema import is_empty, newest_revision

    folder, database = config.station.folder, database_of(url_of(config))
    if is_empty(database):
        return f"{folder}: none yet; it is made at the first start"
    found = check_promises(config)
    if not found.ok:
        raise IntegrityError(f"{folder}: {found.problems[0]} ({len(found.problems)} problems)")
    return (
        f"{folder}: schema {newest_revision()}, {found.checked.acquisitions} acquisitions, all promises kept"
    )


def _look_at_model(config: Config) -> str:
    with open_predictor(chosen_checkpoint(config), config.judgement.runtime) as predictor:
        version = predictor.version
        unlimited = "" if predictor.validity else "; no validity range recorded"
        return f"{version.name} {version.digest[:12]}, {', '.join(predictor.fibres)}{unlimited}"


def _look_at_instruments(config: Config) -> str:
    with open_instruments(config, timer_line(config)) as instruments:
        spectrometer = instruments.spectrometer.identity
        found = f"{spectrometer.model} serial {spectrometer.serial}"
        if instruments.camera is None:
            return f"{found}, no camera"
        clock = SystemClock()
        frame = instruments.camera.frame_after(clock.monotonic_s())
        height, width = frame.pixels.shape[:2]
        return f"{found}, camera {instruments.camera.identity.model} {width} x {height} px"
