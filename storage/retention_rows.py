"""What evidence a station has, what of it went, and which lots are held: read from the tables."""

# ruff: noqa: S608  (the parts put together here are constants of this file)

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.retention import EvidenceKind, StoredEvidence
from storage.blobs import BlobStore
from storage.database import one_line_errors
from storage.retention_tables import LotHoldRow, RetiredContentRow
from storage.sqlite_file import SqliteFile
from storage.station_folder import StationFolder
from storage.timestamps import utc_moment

_ROWS_AT_ONCE = 500

# What inspections use: content, path (a blob has its path from its hash), inspection, and since when.
_USES: Mapping[EvidenceKind, str] = {
    EvidenceKind.RAW: """
        SELECT scan_sha256 AS sha256, '' AS path, number, accepted_at AS used_at FROM acquisitions
        UNION ALL
        SELECT evidence_sha256, '', acquisition_number, concluded_at
        FROM conclusions WHERE evidence_sha256 IS NOT NULL
    """,
    EvidenceKind.IMAGE: """
        SELECT image_sha256 AS sha256, '' AS path, number, accepted_at AS used_at
        FROM acquisitions WHERE image_sha256 IS NOT NULL
        UNION ALL
        SELECT mask_sha256, '', acquisition_number, concluded_at
        FROM conclusions WHERE mask_sha256 IS NOT NULL
        UNION ALL
        SELECT fill_sha256, '', acquisition_number, concluded_at
        FROM conclusions WHERE fill_sha256 IS NOT NULL
    """,
    EvidenceKind.REPORT: """
        SELECT r.sha256, r.path, c.acquisition_number AS number, r.recorded_at AS used_at
        FROM reports AS r JOIN conclusions AS c ON c.sequence = r.conclusion_sequence
        WHERE r.sequence = (SELECT max(sequence) FROM reports AS newer WHERE newer.path = r.path)
    """,
}
# Calibration evidence never goes, even if an acquisition should hold the same bytes.
_NEVER = """
    SELECT scan_sha256 FROM white_references
    UNION SELECT tile_reflectance_sha256 FROM white_references
    UNION SELECT scan_sha256 FROM calibration_scans
"""
# Retired, and not stored again since.
_GONE = f"""
    SELECT gone.sha256 FROM retired_contents AS gone
    LEFT JOIN (
        SELECT sha256, max(used_at) AS used_at
        FROM ({" UNION ALL ".join(f"SELECT * FROM ({uses}) AS of_kind" for uses in _USES.values())}) AS uses
        GROUP BY sha256
    ) AS newest ON newest.sha256 = gone.sha256
    WHERE newest.used_at IS NULL OR newest.used_at <= gone.retired_at
"""
_HELD_LOTS = """
    SELECT lot FROM lot_holds AS h
    WHERE held = 1 AND sequence = (SELECT max(sequence) FROM lot_holds WHERE lot = h.lot)
"""

_CORRECTED_INTO_HELD = f"SELECT number FROM v_inspections WHERE lot IN ({_HELD_LOTS})"


def evidence_newest_first(session: Session, folder: Path, kind: EvidenceKind) -> Iterator[StoredEvidence]:
    """Yield the files of one class that are there, by their newest use."""
    query = text(f"""
        SELECT
            e.sha256, e.path, max(e.used_at) AS newest_use_at,
            max(CASE WHEN a.lot IN ({_HELD_LOTS}) OR a.number IN ({_CORRECTED_INTO_HELD}) THEN 1 ELSE 0 END)
                AS held,
            max(CASE WHEN w.needs IS NULL THEN 0 ELSE 1 END) AS needed
        FROM ({_USES[kind]}) AS e
        JOIN acquisitions AS a ON a.number = e.number
        LEFT JOIN open_work AS w ON w.acquisition_number = e.number
        WHERE e.sha256 NOT IN ({_NEVER}) AND e.sha256 NOT IN ({_GONE})
        GROUP BY e.sha256, e.path
        ORDER BY newest_use_at DESC, e.sha256
    """)
    blobs = BlobStore(StationFolder(folder).blobs)
    for row in session.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}):
        path = folder / row.path if row.path else blobs.path_of(row.sha256)
        with suppress(FileNotFoundError):  # fsck tells about a file that is missing
            yield StoredEvidence(
                sha256=row.sha256,
                path=str(path.relative_to(folder)),
                kind=kind,
                size_bytes=path.stat().st_size,
                newest_use_at=utc_moment(row.newest_use_at),
                held=bool(row.held),
                needed=bool(row.needed),
            )


def gone_contents(session: Session) -> set[str]:
    """Return the hashes of contents whose bytes were let go and not stored again."""
    return {row.sha256 for row in session.execute(text(_GONE))}


def gone_blobs(database: SqliteFile) -> set[str]:
    """Return `gone_contents` of a database file that nothing writes."""
    reader = database.open_reader()
    try:
        with one_line_errors(database), Session(reader) as session:
            return gone_contents(session)
    finally:
        reader.dispose()


def retired_rule(session: Session, sha256: str) -> tuple[str, datetime] | None:
    """Return by which rule and when a content was let go last; None if it never was."""
    query = (
        select(RetiredContentRow.rule, RetiredContentRow.retired_at)
        .where(RetiredContentRow.sha256 == sha256)
        .order_by(RetiredContentRow.sequence.desc())
    )
    row = session.execute(query.limit(1)).one_or_none()
    return None if row is None else (row.rule, row.retired_at)


def set_hold(session: Session, lot: str, held: bool, who: str, why: str, at: datetime) -> None:
    """Put a lot under legal hold, or release it.

    Raises:
        InputError: the station has no such lot, or it is so already.
    """
    known = text("SELECT 1 FROM v_inspections WHERE lot = :lot LIMIT 1")  # as corrected
    if session.scalar(known, {"lot": lot}) is None:
        raise InputError(f'lot "{lot}": nothing of it was inspected; expected a lot of this station')
    newest = select(LotHoldRow.held).where(LotHoldRow.lot == lot).order_by(LotHoldRow.sequence.desc())
    if bool(session.scalar(newest.limit(1))) == held:
        raise InputError(f'lot "{lot}" is {"held already" if held else "not held"}')
    session.add(LotHoldRow(lot=lot, held=held, who=who, why=why, decided_at=at))
