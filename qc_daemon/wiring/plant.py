"""Puts what a station knows and the database of its plant together.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qc_daemon.alarms import Alarms
from qc_daemon.config import Config
from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.outbox import Outbox
from qc_daemon.plant_push import PlantPusher, push_once
from qc_daemon.settings.plant import PlantSection
from qc_daemon.wiring.database import open_store
from qc_daemon.wiring.station import inspection_store, repair
from qc_daemon.workplace import Workplace

if TYPE_CHECKING:
    from storage.inspection_reader import SqlInspectionReader
    from storage.plant import PlantDatabase


@contextmanager
def open_plant_pusher(
    config: Config, workplace: Workplace, outbox: Outbox, alarms: Alarms
) -> Iterator[Mapping[str, Callable[[], bool]]]:
    """Push to the plant of a configuration, if it has one; return what tells whether the thread lives."""
    if config.plant is None:
        yield {}
        return
    from storage.station_records import SqlRecords

    store = inspection_store(workplace)
    with (
        _plant(config.plant, store) as plant,
        PlantPusher(SqlRecords(store), outbox, plant, alarms) as pusher,
    ):
        yield {"plant": pusher.is_alive}


def push_to_plant(config: Config) -> int:
    """Push all that the plant lacks of a station that does not run; return how many records and messages.

    Raises:
        ConfigError: it has no plant.
        PlantUnavailable: the plant does not answer; what it has committed stays sent.
        StoreUnavailable: the station runs, and pushes by itself.
    """
    from storage.outbox import SqlOutbox
    from storage.station_records import SqlRecords

    if config.plant is None:
        raise ConfigError("plant: no such section; expected [plant] with url and station")
    with open_store(config) as store:
        repair(store)
        records, outbox, pushed = SqlRecords(store), SqlOutbox(store), 0
        with _plant(config.plant, store) as plant:
            while at_once := push_once(records, outbox, plant):
                pushed += at_once
    return pushed


def _plant(section: PlantSection, reader: "SqlInspectionReader") -> "PlantDatabase":
    from storage.plant import PlantDatabase, plant_url

    file = section.password_file
    password = None if file is None else file.read_text(encoding="utf-8").strip()
    origin = reader.ledger_entry(1)
    assert origin is not None  # every ledger has its first entry since its migration
    return PlantDatabase(plant_url(section.url, password), section.station, origin.sha256)
