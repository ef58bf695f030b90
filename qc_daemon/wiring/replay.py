"""Draws stored conclusions again, from stored bytes by the stored models, rule and settings.

It only reads, so it may run beside a running station. Heavy packages are imported where they are
used, so that a command starts at once.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.errors import CheckpointError, InputError, IntegrityError, Retired
from qc_daemon.domain.inspection import Conclusion, ModelVersion
from qc_daemon.domain.judge_settings import judge_settings
from qc_daemon.domain.optics import OpticsMask
from qc_daemon.domain.replay import Replay, compare
from qc_daemon.pipeline import Judges, conclude
from qc_daemon.wiring.archive import one_inspection
from qc_daemon.wiring.database import open_inspections
from qc_daemon.wiring.model_choice import COMPOSITION, station_models
from qc_daemon.wiring.optics import dirt_known_to
from qc_daemon.wiring.station import open_judges

if TYPE_CHECKING:
    from storage.inspection_reader import SqlInspectionReader

NIGHTLY_SHARE = 0.01
_FIRST_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one inspection.

    Attributes:
        conclusion_id: conclusion that was drawn again; empty if none could be read.
        replay: the comparison; None if it could not be drawn again.
        why_not: why it could not.
        retired: whether that is because retention let its bytes go, as it may.
    """

    number: int
    conclusion_id: str
    replay: Replay | None
    why_not: str = ""
    retired: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether it came out as stored, or rightly could not."""
        return self.retired if self.replay is None else not self.replay.differences


def replay_some(config: Config, keys: Sequence[str]) -> list[Replayed]:
    """Draw the current conclusions of inspections again.

    Raises:
        InputError: a key names nothing, or an inspection without a conclusion.
    """
    with _open_reader(config) as reader:
        numbers = [one_inspection(reader, key).number for key in keys]
        return _replay(config, reader, numbers)


def replay_sample(config: Config, share: float, since: datetime = _FIRST_TIME) -> list[Replayed]:
    """Draw a share of all conclusions again, chosen at random, at least one if there is any.

    Raises:
        InputError: the share is not more than 0 and at most 1.
    """
    from storage.replay_cases import concluded_since

    if not 0.0 < share <= 1.0:
        raise InputError(f"--sample {share}: expected a share above 0 and up to 1, such as 0.01")
    with _open_reader(config) as reader:
        numbers = concluded_since(reader, since)
        chosen = random.sample(numbers, math.ceil(share * len(numbers)))
        return _replay(config, reader, sorted(chosen))


def nightly_replay(config: Config, alarms: Alarms) -> Callable[[], None]:
    """Return the replay of 1 % of the day that the calendar runs each night; a difference is an alarm."""

    def check() -> None:
        since = SystemClock().now() - timedelta(days=1)
        wrong = [one for one in replay_sample(config, NIGHTLY_SHARE, since) if not one.ok]
        alarms.clear("replay")
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            alarms.raise_alarm("replay", f"{sentence(wrong[0])}{more}")

    return check


def replay_one(
    reader: "SqlInspectionReader",
    number: int,
    judges: Judges,
    optics: Callable[[Sequence[ModelVersion]], OpticsMask | None] = lambda _: None,
) -> Replayed:
    """Draw the current conclusion of an inspection again, by its own rule and settings.

    Args:
        reader: of the station.
        number: of the inspection.
        judges: who draw it.
        optics: what dirt on the optics a conclusion drawn by such models knew of.
    """
    from storage.replay_cases import replay_case

    try:
        case = replay_case(reader, number)
    except Retired as error:
        return Replayed(number, "", None, str(error), retired=True)
    except IntegrityError as error:
        return Replayed(number, "", None, str(error))
    stored = case.conclusion
    knowing = replace(_judges_of(stored, judges), optics=optics(stored.models))
    replayed = conclude(knowing, case.acquisition, case.standing)
    if replayed.models != stored.models:
        why = f"it was drawn by {_names(stored.models)}, here are {_names(replayed.models)}"
        return Replayed(number, stored.id, None, why)
    return Replayed(number, stored.id, compare(stored, replayed))


def sentence(one: Replayed) -> str:
    """Say in one line what came of an inspection."""
    if one.replay is None:
        return f"inspection {one.number} cannot be replayed: {one.why_not}"
    differences = one.replay.differences
    if not differences:
        return f"inspection {one.number}: " + ("bit for bit" if one.replay.exact else "within tolerance")
    said = "; ".join(f"{each.what}: {each.stored} stored, {each.replayed} replayed" for each in differences)
    return f"inspection {one.number} differs: {said}"


@contextmanager
def _open_reader(config: Config) -> "Iterator[SqlInspectionReader]":

    with open_inspections(config) as reader:
        yield reader


def _replay(config: Config, reader: "SqlInspectionReader", numbers: Sequence[int]) -> list[Replayed]:
    """Draw conclusions again, model by model, for opening a model takes longer than an answer."""
    by_model: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        by_model[_composition_model(reader, number)].append(number)
    results: list[Replayed] = []
    for digest, group in by_model.items():
        folder = _model_folder(config, digest)
        if folder is None:
            why = f"model {digest[:12] or 'without a name'} is not in the library"
            results += [Replayed(number, "", None, why) for number in group]
            continue
        with open_judges(config, folder) as judges:
            optics = partial(dirt_known_to, config)
            results += [replay_one(reader, number, judges, optics) for number in group]
    return sorted(results, key=lambda one: one.number)


def _judges_of(stored: Conclusion, judges: Judges) -> Judges:
    """Return judges with the rule and the settings of a conclusion, but the runtime that there is."""
    ruled = replace(judges, tolerance=stored.tolerance)
    if not stored.settings:
        return ruled
    settings = judge_settings(stored.settings)
    return replace(
        ruled,
        scan_limits=settings.scan_limits,
        reference_limits=settings.reference_limits,
        frame_limits=settings.frame_limits,
    )


def _composition_model(reader: "SqlInspectionReader", number: int) -> str:
    conclusion = reader.load_conclusion(number, without_image=True)
    return next((model.digest for model in conclusion.models if model.role == COMPOSITION), "")


def _model_folder(config: Config, digest: str) -> Path | None:
    from models.checkpoint import load_checkpoint
    from models.library import model_of_version

    found = model_of_version(digest, station_models(config.station.folder))
    if found is not None:
        return found.folder
    configured = config.judgement.checkpoint
    if configured is None:
        return None
    try:
        return configured if load_checkpoint(configured).digest == digest else None
    except CheckpointError:
        return None


def _names(models: tuple[ModelVersion, ...]) -> str:
    return ", ".join(f"{model.name} {model.digest[:12]}" for model in models)
