"""Reads the configuration of a running station anew.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from dataclasses import replace
from pathlib import Path

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.config import Config, load_config
from qc_daemon.domain.errors import ConfigError, QcError, StoreUnavailable
from qc_daemon.domain.quality import FrameLimits
from qc_daemon.domain.rules import rule_named
from qc_daemon.line_loop import LineLoop
from qc_daemon.logs import log_to_file, log_to_stderr
from qc_daemon.settings.changes import RELOADABLE, changed_keys, recorded_settings
from qc_daemon.wiring.calibration_settings import reference_limits
from qc_daemon.wiring.station import certificate_writer, inspection_store
from qc_daemon.workplace import Workplace

log = structlog.get_logger()


class Reloading:
    """Takes over what can be changed while the line runs, and says what waits for a restart.

    Args:
        path: of the file.
        config: that the station runs with.
        workplace: has the judges that may change, the report writer and the ledger.
        loop: judges.
        alarms: hear of a file that is wrong; the last good one stays in force.
    """

    def __init__(
        self, path: Path, config: Config, workplace: Workplace, loop: LineLoop, alarms: Alarms
    ) -> None:
        self._path = path
        self._config = config
        self._workplace = workplace
        self._loop = loop
        self._alarms = alarms
        self._record(config)

    def __call__(self) -> None:
        """Read the file and take over what can be."""
        self._alarms.clear("config")
        try:
            wanted = load_config(self._path)
            self._take_over(wanted)
        except QcError as error:
            log.warning("configuration refused; the last good one stays", error=str(error))
            self._alarms.raise_alarm("config", str(error))
            return
        changed = changed_keys(self._config, wanted)
        taken = [key for key in changed if key in RELOADABLE]
        waiting = [key for key in changed if key not in RELOADABLE]
        log.warning("configuration reloaded", taken_over=taken, needs_restart=waiting)
        self._config = _with_changes(self._config, wanted)
        if taken:
            self._record(self._config)

    def _take_over(self, wanted: Config) -> None:
        set_up_log(wanted)
        judges = replace(
            self._workplace.judges,
            tolerance=rule_named(wanted.judgement.rule),
            reference_limits=reference_limits(wanted),
            frame_limits=FrameLimits(max_filled_percent=wanted.judgement.max_filled_percent),
        )
        self._loop.judge_with(judges)
        certificate_writer(self._workplace).speak(wanted.station.language)

    def _record(self, config: Config) -> None:
        from storage.configuration_rows import record_configuration

        at = self._workplace.judges.clock.now()
        try:
            with inspection_store(self._workplace).transaction() as session:
                record_configuration(session, str(self._path), recorded_settings(config), at)
        except StoreUnavailable as error:
            log.warning("configuration not recorded", error=str(error))


def set_up_log(config: Config) -> None:
    """Log as a configuration says.

    Raises:
        ConfigError: the file cannot be written.
    """
    section = config.log
    if section.file is None:
        log_to_stderr(section.level)
        return
    try:
        log_to_file(section.file, section.level, section.max_mb, section.old_files)
    except OSError as error:
        raise ConfigError(f"log.file: cannot write {section.file}: {error.strerror}") from error


def _with_changes(running: Config, wanted: Config) -> Config:
    """Return the running configuration with those keys of the wanted one that were taken over."""
    for key in RELOADABLE:
        section, _, name = key.partition(".")
        value = getattr(getattr(wanted, section), name)
        changed = getattr(running, section).model_copy(update={name: value})
        running = running.model_copy(update={section: changed})
    return running
