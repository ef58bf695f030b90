"""Which configuration a station ran with, as entries of its ledger."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.ledger import append
from storage.ledger_tables import LedgerRow

_KIND = "configuration"


def record_configuration(session: Session, file: str, settings: Sequence[str], at: datetime) -> bool:
    """Add an entry that a station runs with these settings, unless the newest such entry says so.

    Args:
        session: of the transaction.
        file: that they come from.
        settings: one "key = value" each, without secrets.
        at: the aware UTC time.

    Returns:
        whether there was something new.
    """
    newest = select(LedgerRow.content).where(LedgerRow.kind == _KIND).order_by(LedgerRow.sequence.desc())
    known = session.scalar(newest.limit(1))
    if known is not None and json.loads(known)["settings"] == list(settings):
        return False
    append(session, _KIND, file, {"settings": list(settings)}, at)
    return True
