"""Checks the report of a lot or a day with nothing but the file: its seal, and what its pages say."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.ledger import LedgerHead
from reports.daily_report import DAY_SCHEMA
from reports.lot_report import LOT_SCHEMA, RECORD_NAME
from reports.lot_wording import HEADINGS
from reports.period_read_back import expected_of_day, expected_of_lot
from reports.read_back import Expected, unsaid
from reports.record import sha256
from reports.seal import seal_findings
from reports.verification import opened, pages_by_language
from reports.wording import Language

_EXPECTED: Mapping[str, Callable[[Mapping[str, Any], Language], Iterator[Expected]]] = {
    LOT_SCHEMA: expected_of_lot,
    DAY_SCHEMA: expected_of_day,
}


@dataclass(frozen=True, slots=True)
class PeriodCheck:
    """What was found well, what is wrong, and what the station can be asked about.

    Attributes:
        file_sha256: of the whole file.
        ledger: the head of the ledger that the report names; None without one.
    """

    checked: tuple[str, ...]
    problems: tuple[str, ...]
    file_sha256: str
    ledger: LedgerHead | None


def check_period_report(pdf: bytes, name: str) -> PeriodCheck:
    """Check the report of a lot or a day against its own seal and record.

    Raises:
        InputError: the file is not a PDF, or not a report of a station.
    """
    reader = opened(pdf, name, RECORD_NAME)
    checked, problems = seal_findings(pdf)
    ledger = None
    try:
        record = _record(reader)
        ledger = LedgerHead(**record["ledger"]) if record["ledger"] else None
        pages = pages_by_language(reader, HEADINGS["end"])
        missing = unsaid(pages, partial(_EXPECTED[record["schema"]], record))
    except (KeyError, TypeError, ValueError, AttributeError, PyPdfError) as error:
        problems.append(f"record: {RECORD_NAME} is not a record ({type(error).__name__}: {error})")
    else:
        problems += missing if pages else ["pages: none is a page of a report, in Chinese or in English"]
        if pages and not missing:
            checked.append(f"pages: what they say in {' and '.join(pages)} is what the record says")
    return PeriodCheck(tuple(checked), tuple(problems), sha256(pdf), ledger)


def is_period_report(pdf: bytes) -> bool:
    """Tell whether a PDF says that it is the report of a lot or a day."""
    try:
        opened(pdf, "", RECORD_NAME)
    except InputError:
        return False
    return True


def _record(reader: PdfReader) -> dict[str, Any]:
    (content,) = reader.attachments[RECORD_NAME]
    record: dict[str, Any] = json.loads(content)
    return record
