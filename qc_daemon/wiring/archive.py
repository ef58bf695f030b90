"""Opens what is stored: conclusions, promises, schema.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qc_daemon.config import DEFAULT_FILE, Config, load_config
from qc_daemon.domain.errors import ConfigError, InputError
from qc_daemon.domain.verdict import Verdict
from qc_daemon.pipeline import Judges
from qc_daemon.wiring.database import open_store, url_of
from qc_daemon.wiring.lines import demo_config
from qc_daemon.wiring.model_choice import named_checkpoint
from qc_daemon.wiring.station import open_judges, repair

if TYPE_CHECKING:
    from storage.fsck import FsckReport
    from storage.inspection_reader import InspectionSummary, SqlInspectionReader
    from storage.inspection_store import SqlInspectionStore

_DEMO_FOLDER = Path("station")
_FIRST_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_TIME = datetime(9999, 1, 1, tzinfo=UTC)


def station_folder(config: Path, station: Path | None) -> Path:
    """Return the folder that a command means.

    Raises:
        ConfigError: there is neither a configuration nor a station.
    """
    if station is not None:
        if not station.is_dir():
            raise ConfigError(f"{station}: no such folder; expected a station")
        return station
    if not config.exists() and config == DEFAULT_FILE and _DEMO_FOLDER.is_dir():
        return _DEMO_FOLDER
    return load_config(config).station.folder


def archive_config(config: Path, station: Path | None) -> Config:
    """Return the configuration to judge with, for the station that a command means.

    Another folder than the configured one is that of a station with a file, such as a backup.
    """
    if not config.exists():
        return demo_config(station_folder(config, station))
    loaded = load_config(config)
    if station is None or station.resolve() == loaded.station.folder.resolve():
        return loaded
    moved = loaded.station.model_copy(update={"folder": station})
    return loaded.model_copy(update={"station": moved, "storage": None})


@contextmanager
def open_archive(config: Config, model: str | None) -> Iterator[tuple[Judges, "SqlInspectionStore"]]:
    """Open what draws new conclusions from stored facts: no instruments, no reports.

    Args:
        config: of the station.
        model: name or folder of a model to judge with instead of the station's own.
    """
    checkpoint = config.judgement.checkpoint if model is None else named_checkpoint(config, model)
    judges = open_judges(config, checkpoint)
    with judges as opened, open_store(config) as store:
        repair(store)
        yield opened, store


def find_numbers(store: "SqlInspectionReader", keys: Sequence[str]) -> list[int]:
    """Return the station numbers that numbers, ids or specimens name; all of them for no keys.

    Raises:
        InputError: a key names nothing.
    """
    if not keys:
        return [summary.number for summary in store.accepted_between(_FIRST_TIME, _LAST_TIME)]
    return [one_inspection(store, key).number for key in keys]


def one_inspection(store: "SqlInspectionReader", key: str) -> "InspectionSummary":
    """Return the inspection that a number, an id or a specimen names.

    Raises:
        InputError: it names none, or several.
    """
    found = store.find(key)
    if len(found) != 1:
        count = f"{len(found)} inspections" if found else "no inspection"
        raise InputError(f'"{key}" names {count}; expected the number or id of one')
    return found[0]


def status_file(folder: Path) -> Path:
    """Return where a station publishes its health."""
    return folder / "status.json"


def check_promises(config: Config) -> "FsckReport":
    """Check every promise of a station from outside."""
    from storage.fsck import check_station

    return check_station(config.station.folder, url_of(config))


def upgrade_database(config: Config) -> str:
    """Bring the database of a station to the newest schema; return its revision."""
    from storage.schema import upgrade
    from storage.station_folder import StationFolder, StationLock

    with StationLock(StationFolder(config.station.folder)):
        return upgrade(url_of(config))


def database_revision(config: Config) -> str | None:
    """Return the schema revision of a station's database; None if it has none yet."""
    from storage.schema import current

    return current(url_of(config))


def reason_sentences(verdict: Verdict) -> list[str]:
    """Return the reasons of a verdict as English sentences."""
    from reports.reason_wording import reason_sentence

    return [reason_sentence(reason, "en") for reason in verdict.reasons]
