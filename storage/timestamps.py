"""UTC moments as ISO-8601 text of one fixed width, so that text order is time order."""

from datetime import UTC, datetime


def in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC.

    Raises:
        ValueError: it has no time zone, so nobody could say when it was.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """Return an aware moment as "2026-11-24T10:26:03.000000Z"; raises as `in_utc` does."""
    return in_utc(moment).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def utc_moment(stored: str | datetime) -> datetime:
    """Return the aware UTC moment that a database keeps: as `utc_text` wrote it, or as its own type."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment.astimezone(UTC)
