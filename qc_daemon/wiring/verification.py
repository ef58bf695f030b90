"""Checks what was written: a certificate against itself and its station, and the ledger of a station.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.surroundings import SignedBy
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.database import open_inspections
from qc_daemon.wiring.ledger import check_ledger_of

if TYPE_CHECKING:
    from reports.verification import CertificateClaims
    from storage.report_reader import KnownConclusion


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and found well, what could not be checked, and what is wrong; a line each."""

    checked: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


_NO_STATION = Verification((), ("no station: only the file itself was checked",), ())


def verify_file(path: Path, config: Path, station: Path | None) -> Verification:
    """Check a certificate, or the report of a lot or day, against its record and what a station knows of it.

    Raises:
        InputError: the file is not a certificate at all.
    """
    from reports.period_verification import is_period_report
    from reports.verification import check_certificate

    try:
        pdf = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a certificate") from error
    if is_period_report(pdf):
        return _verify_period_report(pdf, path, config, station)
    found = check_certificate(pdf, str(path))
    own = Verification(found.checked, (), found.problems)
    if found.claims is None:
        return own
    return _joined(own, _asked_of_station(found.claims, config, station))


def verify_ledger(config: Path, station: Path | None) -> Verification:
    """Check the whole ledger of a station; `config` and `station` name it as in every command.

    Raises:
        InputError: the anchor file of the configuration cannot be read.
        StoreUnavailable: the database does not answer, or is of another schema.
    """
    found = check_ledger_of(config, station)
    counts = {
        "entries follow one another": found.entries,
        "rows are as their entries say": found.rows,
        "blobs hold what their rows name": found.blobs - found.retired,
        "report files are as recorded": found.files,
        "heads written down elsewhere are in the ledger": found.anchors,
    }
    checked = [f"{count} {what}" for what, count in counts.items()] if not found.problems else []
    if found.head is not None:
        checked.append(f"head: entry {found.head.sequence}, SHA-256 {found.head.sha256}")
    notes = [f"{found.retired} contents went by the rules of retention"] if found.retired else []
    if not found.anchors:
        notes.append("no head was written down elsewhere: newest entries that were cut off are not missed")
    return Verification(tuple(checked), tuple(notes), found.problems)


def _joined(one: Verification, other: Verification) -> Verification:
    return Verification(one.checked + other.checked, one.notes + other.notes, one.problems + other.problems)


def _verify_period_report(pdf: bytes, path: Path, config: Path, station: Path | None) -> Verification:
    from reports.period_verification import check_period_report
    from storage.period_rows import period_report_recorded_at

    found = check_period_report(pdf, str(path))
    own = Verification(found.checked, (), found.problems)
    if _has_no_station(config, station):
        return _joined(own, _NO_STATION)
    settings = archive_config(config, station)
    folder = settings.station.folder
    with open_inspections(settings) as reader:
        head = reader.ledger_entry(found.ledger.sequence) if found.ledger is not None else None
        with reader.reading() as session:
            recorded = period_report_recorded_at(session, found.file_sha256)
    return _joined(_joined(own, _recorded(recorded, folder)), _compared_ledger(found.ledger, head, folder))


def _has_no_station(config: Path, station: Path | None) -> bool:
    return station is None and not config.exists() and not Path("station").is_dir()


def _recorded(at: datetime | None, folder: Path) -> Verification:
    if at is not None:
        return Verification((f"{folder}: this file was recorded at {at:%Y-%m-%d %H:%M:%S} UTC",), (), ())
    note = f"{folder}: this very file was not recorded; `qc-daemon report` may have drawn it anew"
    return Verification((), (note,), ())


def _asked_of_station(claims: "CertificateClaims", config: Path, station: Path | None) -> Verification:
    from storage.report_reader import SqlReportReader

    if _has_no_station(config, station):
        return _NO_STATION
    settings = archive_config(config, station)
    folder = settings.station.folder
    with open_inspections(settings) as reader:
        known = SqlReportReader(reader).known_conclusion(claims.conclusion_id)
        head = reader.ledger_entry(claims.ledger_sequence) if claims.ledger_sequence is not None else None
    if known is None:
        return Verification((), (f"{folder} knows nothing of conclusion {claims.conclusion_id}",), ())
    named = None
    if claims.ledger_sequence is not None:
        named = LedgerHead(claims.ledger_sequence, claims.ledger_sha256)
    return _joined(_compared(claims, known, folder), _compared_ledger(named, head, folder))


def _compared(claims: "CertificateClaims", known: "KnownConclusion", folder: Path) -> Verification:
    checked, problems = [], []
    for what, said, stored in (
        ("number", str(claims.number), str(known.number)),
        ("verdict", claims.outcome, known.outcome),
        ("SHA-256 of the scan", claims.scan_sha256, known.scan_sha256),
    ):
        if said == stored:
            checked.append(f"{folder}: {what} is as stored ({stored})")
        else:
            problems.append(f"{folder}: {what} is {said}, but {stored} is stored")
    compared = Verification(tuple(checked), (), tuple(problems))
    compared = _joined(compared, _compared_signatures(claims, known, folder))
    return _joined(compared, _recorded(dict(known.recorded).get(claims.file_sha256), folder))


def _compared_signatures(claims: "CertificateClaims", known: "KnownConclusion", folder: Path) -> Verification:
    """Tell of each signature on a certificate whether it was given; later ones are not missed."""
    given = {_signature_text(one) for one in known.signatures}
    said = [_signature_text(one) for one in claims.signatures]
    checked = tuple(f"{folder}: {text} is as stored" for text in said if text in given)
    problems = tuple(f"{folder}: {text} was never given" for text in said if text not in given)
    return Verification(checked, (), problems)


def _signature_text(signature: SignedBy) -> str:
    at = signature.signed_at.astimezone(UTC).isoformat(" ", "milliseconds")[:23]
    return f'the signature of {signature.who} ("{signature.meaning}", {at} UTC)'


def _compared_ledger(named: LedgerHead | None, head: LedgerHead | None, folder: Path) -> Verification:
    if named is None:
        return Verification((), ("the file names no entry of the ledger",), ())
    entry = f"{folder}: entry {named.sequence} of the ledger"
    if head is None:
        return Verification((), (), (f"{entry} does not exist",))
    if head.sha256 != named.sha256:
        return Verification((), (), (f"{entry} has another hash: the file or the ledger was changed",))
    return Verification((f"{entry} is as printed",), (), ())
