"""Finds a spectrometer by its serial number among the ports where it may be."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from qc_daemon.domain.errors import InstrumentError, LinkConfig
from qc_daemon.domain.ports import NirSpectrometer

_WILD = frozenset("*?[")


@contextmanager
def search_unit(
    port: str, serial: str, connect: Callable[[str], AbstractContextManager[NirSpectrometer]]
) -> Iterator[NirSpectrometer]:
    """Open the first port that matches and at which the wanted unit answers.

    Args:
        port: a device path, which may hold ``*``, ``?`` and ``[...]`` as a shell's, or a URL.
        serial: serial number of the wanted unit; empty for any.
        connect: opens the spectrometer at a port.

    Raises:
        InstrumentError: no port matches, or why the last of them would not do.
    """
    failure: InstrumentError = LinkConfig(f"no port matches {port}; expected at least one")
    for candidate in matching_ports(port):
        with ExitStack() as stack:
            try:
                spectrometer = stack.enter_context(connect(candidate))
                _require(serial, spectrometer.identity.serial, candidate)
            except InstrumentError as error:
                failure = error
                continue
            yield spectrometer
            return
    raise failure


def matching_ports(port: str) -> list[str]:
    """Return the paths that a pattern matches now, in order; anything else as it is."""
    if "://" in port or not _WILD & set(port):
        return [port]
    path = Path(port)
    return sorted(str(found) for found in Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _require(serial: str, found: str, port: str) -> None:
    if serial and found != serial:
        raise LinkConfig(f"the spectrometer at {port} has the serial number {found}; expected {serial}")
