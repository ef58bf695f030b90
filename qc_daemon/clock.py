"""The station's clocks and the identifiers that are made from them."""

import time
from datetime import UTC, datetime

import uuid6


class SystemClock:
    """The clocks of this computer, as `qc_daemon.domain.ports.Clock`."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that no clock step touches."""
        return time.monotonic()


def new_id() -> str:
    """Return a UUIDv7 as text: unique, and in the order of making."""
    return str(uuid6.uuid7())
