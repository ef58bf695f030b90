"""Keeps evidence as long as the rules say, holds lots back, copies a station and puts a copy back."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from qc_daemon.clock import SystemClock
from qc_daemon.config import DEFAULT_FILE, Config, load_config
from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.retention import EvidenceKind, LetGo
from qc_daemon.wiring.database import open_inspections, open_store, url_of
from qc_daemon.workplace import Workplace

if TYPE_CHECKING:
    from storage.backup import BackupDone
    from storage.fsck import FsckReport

log = structlog.get_logger()

_INSTEAD = "take pg_dump and copy the folder, in the order that docs/operating.md gives"


def run_retention(config: Config) -> tuple[LetGo, ...]:
    """Let go what the rules no longer keep, of a station that no daemon writes."""
    from storage.retention import retire

    with open_store(config) as store:
        return retire(store, config.station.folder, config.retention.rules, SystemClock().now())


def would_retire(config: Config) -> tuple[LetGo, ...]:
    """Return what retention would let go now; nothing is changed."""
    from storage.retention import plan_retention

    contents: Counter[EvidenceKind] = Counter()
    sizes: Counter[EvidenceKind] = Counter()
    folder, rules = config.station.folder, config.retention.rules
    with open_inspections(config) as reader:
        for one in plan_retention(reader.reading, folder, rules, SystemClock().now()):
            contents[one.evidence.kind] += 1
            sizes[one.evidence.kind] += one.evidence.size_bytes
    return tuple(LetGo(kind, contents[kind], sizes[kind]) for kind in EvidenceKind)


def hold_lot(config: Config, lot: str, held: bool, who: str, why: str) -> None:
    """Put a lot under legal hold, or release it."""
    from storage.retention_rows import set_hold

    with open_store(config) as store, store.transaction() as session:
        set_hold(session, lot, held, who, why, SystemClock().now())


def backup(config: Config, target: Path) -> "BackupDone":
    """Copy a station, also while its daemon runs, and check the copy."""
    from storage.backup import backup_station
    from storage.database_url import sqlite_file

    sqlite_file(url_of(config), _INSTEAD)
    return backup_station(config.station.folder, target)


def restore(backup_folder: Path, folder: Path) -> "FsckReport":
    """Put a backup back as a station that does not exist yet."""
    from storage.backup import restore_station

    return restore_station(backup_folder, folder)


def folder_to_restore(config: Path, station: Path | None) -> Path:
    """Return the station folder that a command means; it need not exist.

    Raises:
        ConfigError: there is no configuration to name it.
    """
    if station is not None:
        return station
    if not config.exists() and config == DEFAULT_FILE:
        raise ConfigError(f"{config} does not exist; expected it, or --station with the folder to restore")
    return load_config(config).station.folder


def nightly_retention(config: Config, workplace: Workplace) -> Callable[[], None]:
    """Return the retention that the calendar of a running station runs each night."""
    from storage.inspection_store import SqlInspectionStore
    from storage.retention import retire

    def run() -> None:
        assert isinstance(workplace.store, SqlInspectionStore)
        done = retire(workplace.store, config.station.folder, config.retention.rules, SystemClock().now())
        for one in done:
            if one.contents:
                log.info("retired", kind=one.kind.value, contents=one.contents, size_bytes=one.size_bytes)

    return run


def nightly_backup(config: Config) -> Callable[[], None]:
    """Return the backup that the calendar runs each night; without a section [backup] it does nothing."""

    def run() -> None:
        if config.backup is not None:
            done = backup(config, config.backup.folder)
            log.info("backed up", files=done.copied_files, size_bytes=done.copied_bytes)

    return run
