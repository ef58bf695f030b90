"""How two configurations differ, and what of that a running station can take over."""

from collections.abc import Iterator, Mapping
from typing import Any

from qc_daemon.config import Config

# Everything else needs a restart: devices, folders, addresses and models are opened once.
RELOADABLE = frozenset(
    {
        "station.language",
        "judgement.rule",
        "judgement.max_reference_age_min",
        "judgement.max_filled_percent",
        "calibration.temperature_change_c",
        "calibration.lamp_change_percent",
        "log.level",
    }
)
# Their values may hold a password.
_SECRET = ("password", "database", "url", "token", "key")


def flattened(config: Config) -> dict[str, Any]:
    """Return each key of a configuration with its value; a section that is left out is a key itself."""
    return dict(_flat("", config.model_dump(mode="json")))


def changed_keys(before: Config, after: Config) -> list[str]:
    """Return the keys whose values differ, sorted."""
    old, new = flattened(before), flattened(after)
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def recorded_settings(config: Config) -> list[str]:
    """Return the configuration as lines for a record that everybody may read."""
    return [
        f"{key} = {'(not recorded)' if value and _is_secret(key) else repr(value)}"
        for key, value in sorted(flattened(config).items())
    ]


def _is_secret(key: str) -> bool:
    return any(word in key.rpartition(".")[2] for word in _SECRET)


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value
