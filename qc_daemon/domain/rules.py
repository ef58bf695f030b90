"""Rules of the judgement: how far a measured share may be from the label, and where that is written.

A rule is a TOML file: those of laws and standards lie in `rule_files`, and a factory may write one of its
own for a customer (docs/judgement.md). What a rule says is kept with each conclusion, so an old verdict
can be drawn again after a rule has a new version.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.mass_basis import BASES

_OWN_FILES = Path(__file__).parent / "rule_files"
# Sections of a rule file, whether they must be there, and what their keys hold.
_SECTIONS: Mapping[str, tuple[bool, Mapping[str, type]]] = {
    "deviation": (True, {"max_pp": float}),
    "minor": (False, {"up_to_percent": float, "max_pp": float}),
    "trace": (False, {"up_to_percent": float}),
    "undeclared": (True, {"limit_percent": float, "limit_included": bool, "left_out": bool}),
    "basis": (True, {"name": str}),
}
_TEXTS = ("name", "version", "clause")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A versioned rule: how far a share may be from its label, in percentage points.

    Attributes:
        name: of the law, standard or customer.
        version: of the figures below.
        clause: where they come from.
        max_deviation_pp: allowed deviation of a declared share.
        minor_component_percent: components declared at or below it have the smaller `minor_deviation_pp`.
        trace_component_percent: components declared at or below it must not be absent.
        undeclared_limit_percent: allowed share of a fibre that is not declared; if None, as in rules of
            before, `max_deviation_pp`.
        undeclared_limit_included: whether exactly that much is still allowed.
        undeclared_left_out: whether the declared fibres are taken without undeclared ones within the limit.
        basis: mass basis of the label (`mass_basis.BASES`); if empty, as in rules of before, shares are
            compared on the basis that they are measured on.
    """

    name: str
    version: str
    clause: str
    max_deviation_pp: float
    minor_component_percent: float
    minor_deviation_pp: float
    trace_component_percent: float = 0.0
    undeclared_limit_percent: float | None = None
    undeclared_limit_included: bool = True
    undeclared_left_out: bool = False
    basis: str = ""

    def deviation_pp_at(self, declared_percent: float) -> float:
        """Return the allowed deviation for a component declared at `declared_percent`."""
        if declared_percent <= 0.0:
            limit = self.undeclared_limit_percent
            return self.max_deviation_pp if limit is None else limit
        minor = declared_percent <= self.minor_component_percent
        return self.minor_deviation_pp if minor else self.max_deviation_pp

    def must_be_present_at(self, declared_percent: float) -> bool:
        """Tell whether a component declared at `declared_percent` must not be absent."""
        return 0.0 < declared_percent <= self.trace_component_percent


def rule_named(text: str) -> Tolerance:
    """Return a rule by its name ("GB/T 29862-2013"), its short name ("gb-t-29862-2013") or its file.

    Raises:
        ConfigError: there is no such rule, or its file is wrong.
    """
    if text in TOLERANCES:
        return TOLERANCES[text]
    if text in _OWN_RULES:
        return read_rule(_OWN_FILES / f"{text}.toml")
    if text.endswith(".toml"):
        return read_rule(Path(text))
    known = ", ".join(f'"{short}"' for short in _OWN_RULES)
    raise ConfigError(f'"{text}" is not a known rule; expected {known} or a file name that ends with .toml')


def read_rule(path: Path) -> Tolerance:
    """Read and check a rule file.

    Raises:
        ConfigError: the file cannot be read, or a key is missing, unknown or has another kind of value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable TOML file ({error})") from error
    try:
        return _rule_of(document)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _rule_of(document: dict[str, Any]) -> Tolerance:
    _require_known(document, (*_TEXTS, *_SECTIONS), "")
    name, version, clause = (_value(document, key, str, key) for key in _TEXTS)
    parts = {section: _section(document, section) for section in _SECTIONS}
    minor, undeclared = parts["minor"], parts["undeclared"]
    basis = parts["basis"]["name"]
    if basis not in BASES:
        raise ValueError(f"basis.name: {basis!r}; expected " + " or ".join(f'"{known}"' for known in BASES))
    max_deviation_pp = parts["deviation"]["max_pp"]
    return Tolerance(
        name=name,
        version=version,
        clause=clause,
        max_deviation_pp=max_deviation_pp,
        minor_component_percent=minor.get("up_to_percent", 0.0),
        minor_deviation_pp=minor.get("max_pp", max_deviation_pp),
        trace_component_percent=parts["trace"].get("up_to_percent", 0.0),
        undeclared_limit_percent=undeclared["limit_percent"],
        undeclared_limit_included=undeclared["limit_included"],
        undeclared_left_out=undeclared["left_out"],
        basis=basis,
    )


def _section(document: dict[str, Any], section: str) -> dict[str, Any]:
    required, kinds = _SECTIONS[section]
    if section not in document and not required:
        return {}
    found = document.get(section)
    if not isinstance(found, dict):
        raise ValueError(f"{section}: expected a section [{section}]")  # noqa: TRY004 (one kind to catch)
    _require_known(found, tuple(kinds), f"{section}.")
    return {key: _value(found, key, kind, f"{section}.{key}") for key, kind in kinds.items()}


def _value(table: dict[str, Any], key: str, kind: type, called: str) -> Any:
    value = table.get(key)
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 100.0:
            raise ValueError(f"{called}: expected a number from 0 to 100, got {_shown(value)}")
        return float(value)
    if not isinstance(value, kind) or value == "":
        expected = "true or false" if kind is bool else "a text in quotes"
        raise ValueError(f"{called}: expected {expected}, got {_shown(value)}")
    return value


def _require_known(table: dict[str, Any], known: tuple[str, ...], prefix: str) -> None:
    unknown = next((key for key in table if key not in known), None)
    if unknown is not None:
        raise ValueError(f"{prefix}{unknown}: not a key of a rule; expected {', '.join(known)}")


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)


_OWN_RULES = ("gb-t-29862-2013", "gb-t-29862-2013-fillings", "eu-1007-2011", "eu-1007-2011-carded")
TOLERANCES: Mapping[str, Tolerance] = {
    rule.name: rule for rule in (read_rule(_OWN_FILES / f"{short}.toml") for short in _OWN_RULES)
}
