"""Opens the library of models: list, show, activate, parity, export.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qc_daemon.clock import SystemClock
from qc_daemon.config import DEFAULT_FILE, Config
from qc_daemon.domain.errors import ConfigError, QcError, StoreUnavailable
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.database import open_store
from qc_daemon.wiring.model_choice import COMPOSITION, chosen_checkpoint, station_models
from qc_daemon.wiring.parity_record import keep_parity

if TYPE_CHECKING:
    from models.checkpoint import Manifest
    from models.checkpoint_export import Exported
    from models.parity import Parity

GraphFormat = Literal["onnx", "mindir", "om"]


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One line of `qc-daemon models list`; `problem` says why a model cannot be used."""

    name: str
    version: str
    active: bool
    fibres: tuple[str, ...]
    folder: str
    problem: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `qc-daemon models show` tells: the manifest, the version and the folder."""

    version: str
    folder: Path
    manifest: "Manifest"


def station_of(config: Path, station: Path | None) -> Config | None:
    """Return the configuration of the station that a command means; None where there is none."""
    try:
        return archive_config(config, station)
    except ConfigError:
        if station is None and config == DEFAULT_FILE and not config.exists():
            return None
        raise


def list_models(config: Config | None) -> list[ModelLine]:
    """Look at every model, byte by byte."""
    from models.library import all_models

    active = _active_folder(config)
    return [
        ModelLine(
            name=model.name,
            version=model.checkpoint.digest if model.checkpoint else "",
            active=active is not None and model.folder.resolve() == active.resolve(),
            fibres=model.checkpoint.manifest.fibres if model.checkpoint else (),
            folder=str(model.folder),
            problem=model.problem,
        )
        for model in all_models(_models_of(config))
    ]


def show_model(config: Config | None, name: str) -> ModelCard:
    """Return what a model says of itself."""
    from models.library import model_named

    checkpoint = model_named(name, _models_of(config))
    return ModelCard(checkpoint.digest, checkpoint.folder, checkpoint.manifest)


def activate_model(config: Config, name: str) -> ModelVersion:
    """Let a model prove itself in the station's runtime, then make it the one from the next start on.

    Raises:
        ConfigError: the configuration names a model folder, which would win.
        CheckpointError: no such model, or it is damaged or disagrees with its golden outputs.
        StoreUnavailable: the station runs.
    """
    from models.library import model_named
    from models.runtimes.opening import open_runtime

    judgement, folder = config.judgement, config.station.folder
    if judgement.checkpoint is not None:
        raise ConfigError(
            f"judgement.checkpoint names {judgement.checkpoint}, which would win; expected no such key where "
            "models are activated"
        )
    checkpoint = model_named(name, station_models(folder))
    open_runtime(checkpoint, judgement.runtime).close()
    version = ModelVersion(COMPOSITION, checkpoint.manifest.name, checkpoint.digest)
    try:
        with open_store(config) as store:
            store.activate_model(version)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"{error}; {name} is not active: a station changes its model at a start, so stop it, activate, "
            "start it again"
        ) from error
    return version


def compare_model(config: Config | None, name: str) -> "Parity":
    """Run a model in MindSpore and in ONNX Runtime side by side; this imports MindSpore.

    A station keeps what was found, for its page.
    """
    from models.library import model_named
    from models.parity import compare_runtimes

    checkpoint = model_named(name, _models_of(config))
    parity = compare_runtimes(checkpoint)
    if config is not None and config.station.folder.is_dir():
        keep_parity(config.station.folder, checkpoint.digest, parity, parity_tolerance(), SystemClock().now())
    return parity


def export_model(config: Config | None, name: str, graph_format: GraphFormat, out: Path) -> "Exported":
    """Write a model's graph in a format of another program."""
    from models.checkpoint_export import export_checkpoint
    from models.library import model_named

    return export_checkpoint(model_named(name, _models_of(config)), graph_format, out)


def parity_tolerance() -> float:
    """Return how far MindSpore and ONNX Runtime may differ."""
    from models.parity import PARITY_TOLERANCE

    return PARITY_TOLERANCE


def _models_of(config: Config | None) -> Path | None:
    return None if config is None else station_models(config.station.folder)


def _active_folder(config: Config | None) -> Path | None:
    """Return the folder of the active model; None where there is no station or its model is gone."""
    if config is None:
        return None
    try:
        return chosen_checkpoint(config)
    except QcError:
        return None
