"""Lets evidence go that retention no longer keeps.

The row of a content is on disk before its bytes go: a crash in between leaves bytes whose row says
that they went, and the next run deletes them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from qc_daemon.domain.errors import StoreUnavailable
from qc_daemon.domain.retention import (
    EvidenceKind,
    LetGo,
    RetentionRule,
    Retirement,
    StoredEvidence,
    retirements,
)
from storage.inspection_store import SqlInspectionStore
from storage.retention_rows import evidence_newest_first, gone_contents
from storage.retention_tables import RetiredContentRow

Transaction = Callable[[], AbstractContextManager[Session]]

_ROWS_AT_ONCE = 500

# Which rows there were, and what rows of later use: what they use must not go by a plan of before.
_NEWEST_ROWS = """
    SELECT
        (SELECT coalesce(max(number), 0) FROM acquisitions) AS acquisition,
        (SELECT coalesce(max(sequence), 0) FROM conclusions) AS conclusion,
        (SELECT coalesce(max(sequence), 0) FROM reports) AS report
"""
_USED_SINCE = """
    SELECT scan_sha256 FROM acquisitions WHERE number > :acquisition
    UNION SELECT image_sha256 FROM acquisitions WHERE number > :acquisition
    UNION SELECT evidence_sha256 FROM conclusions WHERE sequence > :conclusion
    UNION SELECT mask_sha256 FROM conclusions WHERE sequence > :conclusion
    UNION SELECT fill_sha256 FROM conclusions WHERE sequence > :conclusion
    UNION SELECT sha256 FROM reports WHERE sequence > :report
"""


def plan_retention(
    reading: Transaction, folder: Path, rules: Mapping[EvidenceKind, RetentionRule], now: datetime
) -> Iterator[Retirement]:
    """Yield what would go, class by class; nothing is changed."""
    for kind, rule in rules.items():
        if rule.max_age_days is None and rule.max_gb is None:
            continue
        with reading() as session:
            yield from retirements(evidence_newest_first(session, folder, kind), rule, now)


def retire(
    store: SqlInspectionStore, folder: Path, rules: Mapping[EvidenceKind, RetentionRule], now: datetime
) -> tuple[LetGo, ...]:
    """Let go what the rules no longer keep; return how much of each class that was.

    Raises:
        StoreUnavailable: the database does not answer, or a file cannot be deleted.
    """
    done = {kind: LetGo(kind, 0, 0) for kind in rules}
    with store.undisturbed():
        if store.bring_in():
            return tuple(done.values())  # what waits without a row may need the same bytes
        _delete_leftovers(store.reading, folder)
    with store.reading() as session:
        planned_at = dict(session.execute(text(_NEWEST_ROWS)).mappings().one())
    plan = plan_retention(store.reading, folder, rules, now)
    while batch := list(islice(plan, _ROWS_AT_ONCE)):
        for one in _let_go(store, folder, batch, planned_at, now):
            before = done[one.kind]
            done[one.kind] = LetGo(one.kind, before.contents + 1, before.size_bytes + one.size_bytes)
    return tuple(done.values())


def _let_go(
    store: SqlInspectionStore,
    folder: Path,
    batch: list[Retirement],
    planned_at: dict[str, int],
    now: datetime,
) -> list[StoredEvidence]:
    """Record and delete what nothing began to use since it was planned; return that."""
    with store.undisturbed():
        if store.bring_in():
            return []
        with store.transaction() as session:
            in_use = set(session.scalars(text(_USED_SINCE), planned_at))
            going = [one for one in batch if one.evidence.sha256 not in in_use]
            session.add_all(_row(one, now) for one in going)
        for one in going:
            _delete(folder / one.evidence.path)
    return [one.evidence for one in going]


def _row(one: Retirement, now: datetime) -> RetiredContentRow:
    return RetiredContentRow(
        sha256=one.evidence.sha256,
        path=one.evidence.path,
        kind=one.evidence.kind.value,
        size_bytes=one.evidence.size_bytes,
        rule=one.rule,
        retired_at=now,
    )


def _delete_leftovers(reading: Transaction, folder: Path) -> None:
    """Delete the files that a run which was killed had no time for: those of the newest rows."""
    newest = select(RetiredContentRow).order_by(RetiredContentRow.sequence.desc()).limit(_ROWS_AT_ONCE)
    with reading() as session:
        gone = gone_contents(session)
        paths = [row.path for row in session.scalars(newest) if row.sha256 in gone]
    for path in paths:
        _delete(folder / path)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from error
