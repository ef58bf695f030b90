"""Records what a person says that a stored inspection should be called.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from dataclasses import dataclass
from pathlib import Path

from qc_daemon.clock import SystemClock
from qc_daemon.domain.corrections import CorrectedField, Correction
from qc_daemon.wiring.archive import archive_config, one_inspection
from qc_daemon.wiring.database import open_store
from qc_daemon.wiring.station import repair


@dataclass(frozen=True, slots=True)
class CorrectedInspection:
    """What was corrected; `old_value` is None for a label that there was not."""

    number: int
    field: CorrectedField
    old_value: str | None
    value: str


def correct_inspection(
    config: Path, station: Path | None, key: str, field: CorrectedField, value: str, who: str, why: str
) -> CorrectedInspection:
    """Record a correction of the inspection that a number or id names.

    Raises:
        InputError: there is no such inspection, or the value cannot be one of that field.
        StoreUnavailable: the station runs.
    """
    with open_store(archive_config(config, station)) as store:
        repair(store)
        number = one_inspection(store, key).number
        done = store.add_correction(Correction(number, field, value, who, why, SystemClock().now()))
    return CorrectedInspection(number, field, done.old_value, done.value)
