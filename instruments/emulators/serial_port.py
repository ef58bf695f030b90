"""What the ports of all emulated instruments do alike: forget, fall silent, and say what is left to say."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.scene import Scene
from instruments.emulators.serial_process import Reply


class RestartingDevice(Protocol):
    """The inside of an instrument."""

    @property
    def scene(self) -> Scene:
        """What lies in front of its window."""
        ...

    def restart(self, now_s: float) -> None:
        """Forget what a loss of power takes away."""
        ...


D = TypeVar("D", bound=RestartingDevice)


class SerialPort(ABC, Generic[D]):
    """The port of an instrument, as `instruments.emulators.serial_process.SerialDevice`.

    Args:
        device: answers.
        faults: spoil its answers.
    """

    def __init__(self, device: D, faults: ActiveFaults) -> None:
        self._device = device
        self._faults = faults
        self._silent_until_s = 0.0
        self._forget()

    @property
    def scene(self) -> Scene:
        """What lies in front of the instrument's window."""
        return self._device.scene

    @property
    @abstractmethod
    def wakes_at_s(self) -> float | None:
        """When something is due although nothing has come; None if never."""

    def reboot(self, now_s: float) -> None:
        """Restart the instrument, which answers nothing for a while."""
        self._silent_until_s = now_s + (self._faults.value("device_reboot", default=0.3) or 0.0)
        self._faults.clear("device_reboot")
        self._forget()
        self._device.restart(now_s)

    def receive(self, data: bytes, now_s: float) -> list[Reply]:
        """Take bytes, possibly none, and return what the instrument sends for them."""
        if now_s < self._silent_until_s:
            return []
        return [reply for reply in self._replies(data, now_s) if reply is not None]

    @abstractmethod
    def _forget(self) -> None:
        """Forget half a request, and whatever is under way."""

    @abstractmethod
    def _replies(self, data: bytes, now_s: float) -> Iterable[Reply | None]:
        """Give what is sent for bytes, possibly none; None for a reply that is lost."""
