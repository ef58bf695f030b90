"""A serial port without hardware: one end of a pseudo-terminal that can be unplugged."""

import contextlib
import os
import tty
from pathlib import Path

from qc_daemon.domain.errors import LinkConfig


class PtyPort:
    """The device's end of a pty; its peer opens `path` as a serial port.

    Args:
        symlink: a stable name for the port, pointed to the new pty each time it is plugged in.
    """

    def __init__(self, symlink: Path | None = None) -> None:
        self._symlink = symlink
        self._ends: tuple[int, int] | None = None

    @property
    def path(self) -> str:
        """Where the peer finds the port."""
        if self._symlink is not None:
            return str(self._symlink)
        return os.ttyname(self._ends[1]) if self._ends is not None else ""

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._ends is not None

    def fileno(self) -> int:
        """Return the descriptor to wait on; -1 while unplugged."""
        return self._ends[0] if self._ends is not None else -1

    def plug(self) -> None:
        """Make the port appear; a port that is there stays as it is.

        Raises:
            LinkConfig: its stable name cannot be made.
        """
        if self._ends is not None:
            return
        # The peer's end is kept open here too: reading would fail whenever no peer has the port open.
        device, peer = os.openpty()
        tty.setraw(peer)
        os.set_blocking(device, False)
        self._ends = device, peer
        if self._symlink is not None:
            _point(self._symlink, os.ttyname(peer))

    def unplug(self) -> None:
        """Make the port vanish, whoever has it open."""
        if self._ends is None:
            return
        for end in self._ends:
            os.close(end)
        self._ends = None
        if self._symlink is not None:
            self._symlink.unlink(missing_ok=True)

    def read(self) -> bytes:
        """Return what the peer has sent; empty if nothing."""
        if self._ends is None:
            return b""
        with contextlib.suppress(BlockingIOError):
            return os.read(self._ends[0], 4096)
        return b""

    def write(self, data: bytes) -> int:
        """Send as much as the peer takes; return how many bytes that were."""
        if self._ends is None:
            return len(data)  # into the void
        with contextlib.suppress(BlockingIOError):
            return os.write(self._ends[0], data)
        return 0


def _point(symlink: Path, target: str) -> None:
    """Point a symbolic link to `target` without a moment in which it does not exist."""
    fresh = symlink.with_name(symlink.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(symlink)
    except OSError as error:
        raise LinkConfig(f"{symlink}: {error.strerror}; expected a name in a folder to write in") from error
