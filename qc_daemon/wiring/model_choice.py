"""Which model a station judges with.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from pathlib import Path

from qc_daemon.config import Config
from qc_daemon.domain.errors import CheckpointError
from qc_daemon.wiring.database import url_of

COMPOSITION = "composition"  # the role of a model that infers fibre shares


def chosen_checkpoint(config: Config) -> Path:
    """Return the model folder of the configuration, else the activated one, else the one that is shipped.

    Raises:
        CheckpointError: the activated model is no longer there.
        StoreUnavailable: the database does not answer.
    """
    from models.checkpoint import RELEASED
    from models.library import model_of_version
    from storage.model_activations import active_model

    if config.judgement.checkpoint is not None:
        return config.judgement.checkpoint
    folder = config.station.folder
    active = active_model(folder, COMPOSITION, url_of(config))
    if active is None:
        return RELEASED
    found = model_of_version(active.digest, station_models(folder))
    if found is None:
        raise CheckpointError(
            f"active model {active.name} {active.digest[:12]} is not in {station_models(folder)}, or is "
            "damaged; expected its folder there, or another model activated"
        )
    return found.folder


def named_checkpoint(config: Config, name: str) -> Path:
    """Return the folder of a model; `name` is such a folder, or what `qc-daemon models list` calls it.

    Raises:
        CheckpointError: it is neither, or the named model is damaged.
    """
    from models.library import model_named

    folder = Path(name)
    if folder.is_dir() or len(folder.parts) > 1:
        return folder
    return model_named(name, station_models(config.station.folder)).folder


def station_models(station: Path) -> Path:
    """Return where a station keeps models of its own."""
    return station / "models"
