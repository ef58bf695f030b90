"""Tells the service manager how the station is, by its notification socket; without one, tells nobody.

The protocol is that of sd_notify(3): one datagram of KEY=VALUE lines. A name that begins with @ is an
abstract socket: its first byte is NUL.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class ServiceManager:
    """The service manager that started this process.

    Args:
        address: of its socket; empty without one.
        watchdog_s: how often it wants to hear that all is well, seconds; None if it does not.
    """

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s

    def tell(self, *lines: str) -> None:
        """Send lines such as READY=1; a manager that does not listen is no reason to fail."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.sendto("\n".join(lines).encode(), self._address)


def service_manager(environment: Mapping[str, str]) -> ServiceManager:
    """Return the service manager that the environment names, as systemd does."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    meant_for = environment.get("WATCHDOG_PID", "")
    ours = microseconds.isdecimal() and meant_for in ("", str(os.getpid()))
    return ServiceManager(environment.get("NOTIFY_SOCKET", ""), int(microseconds) / 1e6 if ours else None)
