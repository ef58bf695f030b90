"""Draws new conclusions for years of acquisitions with another model, on the workers of Ray Data.

Workers read the station's files and draw conclusions by the same `conclude` as the line; the one
process that may write the station adds them as they arrive. Each is added in a transaction of its
own, and what the model has judged already is not asked for again: a killed run is resumed by the
same command. Heavy packages are imported where they are used, so that a command starts at once.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qc_daemon.config import Config
from qc_daemon.domain.errors import IntegrityError, QcError, Retired
from qc_daemon.domain.optics import OpticsMask
from qc_daemon.pipeline import conclude
from qc_daemon.wiring.database import open_inspections, open_store
from qc_daemon.wiring.model_choice import COMPOSITION, named_checkpoint
from qc_daemon.wiring.optics import dirt_known_to
from qc_daemon.wiring.ray_session import WORKER_ENVIRONMENT, ray_session
from qc_daemon.wiring.station import open_judges, repair

_BATCH = 8  # acquisitions whose conclusions a worker holds at once
# A block is what a worker is given at once: small enough that at the end none waits long for another, and
# large enough that handing it out costs little beside some seconds of judging.
_BLOCKS_PER_WORKER, _LARGEST_BLOCK, _MOST_BLOCKS = 16, 32, 4096


@dataclass(frozen=True, slots=True)
class Rescored:
    """What a run did.

    Attributes:
        drawn: conclusions that were added.
        judged_before: acquisitions whose current conclusion is this model's already.
        retired: acquisitions whose bytes retention let go.
        problems: a sentence for each acquisition whose bytes are missing or damaged.
    """

    drawn: int
    judged_before: int
    retired: int
    problems: tuple[str, ...]


def rescore(
    config: Config,
    model: str,
    address: str | None,
    workers: int,
    tell: Callable[[int, int], None],
    *,
    certified: bool = False,
) -> Rescored:
    """Let a model judge every acquisition whose current conclusion is not its own.

    Args:
        config: of the station; rule and limits of the new conclusions are its own.
        model: name of a model of the library, or its folder.
        address: of a Ray that is there; None to start one on this machine.
        workers: how many processes judge at once.
        tell: hears how many conclusions were added, and of how many.
        certified: whether the station is to write a certificate of each new conclusion.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        InferenceUnavailable: Ray or a worker failed; what was added stays.
        StoreUnavailable: another process writes the station.
    """
    from models.checkpoint import load_checkpoint
    from storage.rescoring_rows import number_of_acquisitions, numbers_not_judged_by

    checkpoint = load_checkpoint(named_checkpoint(config, model).resolve())
    problems: list[str] = []
    drawn = retired = 0
    with open_store(config) as store:
        repair(store)
        numbers = numbers_not_judged_by(store, COMPOSITION, checkpoint.digest)
        judged_before = number_of_acquisitions(store) - len(numbers)
        if not numbers:
            return Rescored(0, judged_before, 0, ())
        with ray_session(address, workers):
            for row in _judged(config, checkpoint.folder, numbers, workers):
                if row["conclusion"]:
                    conclusion = pickle.loads(row["conclusion"])  # noqa: S301 our own worker's
                    store.add_conclusion(row["number"], conclusion, certified=certified)
                    drawn += 1
                elif row["retired"]:
                    retired += 1
                else:
                    problems.append(f"inspection {row['number']}: {row['problem']}")
                tell(drawn, len(numbers))
    return Rescored(drawn, judged_before, retired, tuple(problems))


class Rescorer:
    """One worker: opens the station for reading and a runtime of its own, once.

    Args:
        config: of the station.
        checkpoint: folder of the model.
    """

    def __init__(self, config: Config, checkpoint: Path) -> None:
        from models.runtimes.onnx import at_most_threads

        self._config = config
        self._resources = ExitStack()  # closed by the end of the process: reading leaves nothing behind
        enter = self._resources.enter_context
        with at_most_threads(1):
            self._judges = enter(open_judges(config, checkpoint))
        self._reader = enter(open_inspections(config))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Return columns number, conclusion (pickled; empty if it cannot be drawn), retired and problem."""
        rows = [self._row(int(number)) for number in batch["number"]]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _row(self, number: int) -> dict[str, Any]:
        row: dict[str, Any] = {"number": number, "conclusion": b"", "retired": False, "problem": ""}
        try:
            acquisition = self._reader.load_acquisition(number)
        except Retired:
            return row | {"retired": True}
        except IntegrityError as error:
            return row | {"problem": str(error)}
        serial, at = acquisition.spectrometer.serial, acquisition.triggered_at
        standing = self._reader.calibration_standing(serial, at)
        judges = replace(self._judges, optics=self._dirt_known_at(number))
        return row | {"conclusion": pickle.dumps(conclude(judges, acquisition, standing))}

    def _dirt_known_at(self, number: int) -> OpticsMask | None:
        """Return the dirt on the optics that the conclusion until now knew of."""
        try:
            models = self._reader.load_conclusion(number, without_image=True).models
        except QcError:
            return None  # it has none, or none that can be read
        return dirt_known_to(self._config, models)


def _judged(
    config: Config, checkpoint: Path, numbers: Sequence[int], workers: int
) -> Iterator[dict[str, Any]]:
    """Yield what the workers say of each acquisition, in the order of the numbers."""
    import pyarrow as pa
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True  # the ledger has them in the order of the facts
    parts = np.array_split(np.asarray(numbers, np.int64), _number_of_blocks(len(numbers), workers))
    dataset = ray.data.from_arrow([pa.table({"number": part}) for part in parts]).map_batches(
        Rescorer,
        fn_constructor_args=(_with_whole_path(config), checkpoint),
        batch_size=_BATCH,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        runtime_env=WORKER_ENVIRONMENT,
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # making a dataset sets it anew
    yield from dataset.iter_rows()


def _number_of_blocks(acquisitions: int, workers: int) -> int:
    wanted = max(_BLOCKS_PER_WORKER * workers, -(-acquisitions // _LARGEST_BLOCK))
    return min(wanted, acquisitions, _MOST_BLOCKS)


def _with_whole_path(config: Config) -> Config:
    """Return a configuration that means the same station wherever a worker was started."""
    station = config.station.model_copy(update={"folder": config.station.folder.resolve()})
    return config.model_copy(update={"station": station})
