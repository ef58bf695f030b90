"""Faults that an emulator can be told to have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qc_daemon.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by name.

    Attributes:
        value: how much, or how often; None takes the fault's default.
        command: the command word whose replies are hit; None hits all.
    """

    name: str
    value: float | None = None
    command: int | None = None


def hexadecimal(text: str) -> int:
    """Return the command that a hexadecimal number names."""
    return int(text, 16)


class ActiveFaults:
    """The faults that an emulator has at the moment.

    Args:
        known: what each fault does, by name.
        command_number: makes a number of the COMMAND in NAME[=VALUE][@COMMAND], or raises ValueError.
    """

    def __init__(self, known: Mapping[str, str], command_number: Callable[[str], int] = hexadecimal) -> None:
        self._known = known
        self._command_number = command_number
        self._active: dict[str, Fault] = {}

    def add(self, text: str) -> Fault:
        """Start the fault `NAME[=VALUE][@COMMAND]`; a second one of the name takes its place.

        Raises:
            ConfigError: there is no such fault, or its value is no number.
        """
        fault = self._parse(text)
        self._active[fault.name] = fault
        return fault

    def clear(self, name: str) -> None:
        """End a fault; ending one that is not active does nothing.

        Raises:
            ConfigError: there is no such fault.
        """
        self._require_known(name)
        self._active.pop(name, None)

    def value(self, name: str, default: float = 1.0, command: int | None = None) -> float | None:
        """Return the value of an active fault, its default if none was given, None if it is not active."""
        fault = self._active.get(name)
        if fault is None or fault.command not in (None, command):
            return None
        return default if fault.value is None else fault.value

    def strikes(self, name: str, command: int) -> bool:
        """Tell whether the fault hits this reply; one with a value strikes that often, then ends."""
        fault = self._active.get(name)
        if fault is None or fault.command not in (None, command):
            return False
        if fault.value is not None:
            if fault.value <= 1.0:
                del self._active[name]
            else:
                self._active[name] = Fault(name, fault.value - 1.0, fault.command)
        return True

    def _parse(self, text: str) -> Fault:
        body, _, command = text.partition("@")
        name, _, value = body.partition("=")
        self._require_known(name)
        try:
            return Fault(
                name, float(value) if value else None, self._command_number(command) if command else None
            )
        except ValueError as error:
            raise ConfigError(f'fault "{text}": expected NAME, NAME=NUMBER or NAME=NUMBER@COMMAND') from error

    def _require_known(self, name: str) -> None:
        if name not in self._known:
            raise ConfigError(
                f'fault "{name}" is not known; expected one of {", ".join(sorted(self._known))}'
            )
