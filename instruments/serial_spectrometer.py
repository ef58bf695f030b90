"""What spectrometers that are asked over a serial line have in common: opening, a name, closing."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from instruments.listener import LinkCounters
from instruments.transport import ByteLink
from qc_daemon.domain.errors import LinkLost
from qc_daemon.domain.spectrum import InstrumentIdentity

REPLY_TIMEOUT_S = 1.0  # the longest reply takes 46 ms at 115200 baud, and devices answer within milliseconds


class Conversation(Protocol):
    """A dialogue over an open link."""

    @property
    def counters(self) -> LinkCounters:
        """What went wrong on the line and was put right."""
        ...


D = TypeVar("D", bound=Conversation)


class SerialSpectrometer(ABC, Generic[D]):
    """A spectrometer at the end of a serial line; a context manager.

    The link opens and the device is set up in `__enter__`, so everything that a restarted device forgets
    is told again after each reconnect. After `LinkLost`, leave and enter again.

    Args:
        link: the serial line.
        name: of the instrument, in errors.
        converse: begins a dialogue over the link; there is one for each time it is opened.
    """

    def __init__(self, link: ByteLink, name: str, converse: Callable[[], D]) -> None:
        self._link = link
        self._name = name
        self._converse = converse
        self._dialogue = converse()
        self._identity: InstrumentIdentity | None = None

    def __enter__(self) -> Self:
        self._link.open()
        try:
            self._dialogue = self._converse()
            self._identity = self._identify()
            self._set_up()
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()

    @property
    def identity(self) -> InstrumentIdentity:
        """The device that answered when the link was opened."""
        if self._identity is None:
            raise LinkLost(f"{self._name} has not been opened")
        return self._identity

    @property
    def link_counters(self) -> LinkCounters:
        """What went wrong on the line and was put right, since the link was opened."""
        return self._dialogue.counters

    @abstractmethod
    def _identify(self) -> InstrumentIdentity:
        """Ask the device who it is."""

    @abstractmethod
    def _set_up(self) -> None:
        """Tell the device what it forgets when it restarts."""
