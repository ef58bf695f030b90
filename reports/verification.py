"""Checks a certificate with nothing but the file: its seal, its record, and that its pages say the record."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.surroundings import SignedBy
from reports.certificate_wording import LIMITS
from reports.read_back import expected_texts, moment, squeezed, unsaid
from reports.record import ATTACHMENT_NAME, SCHEMA, sha256
from reports.seal import seal_findings
from reports.wording import LANGUAGES, Language, Words


@dataclass(frozen=True, slots=True)
class CertificateClaims:
    """What a certificate says of itself that its station can be asked about.

    Attributes:
        file_sha256: of the whole file.
        scan_sha256: of the scan that it is about.
        signatures: of the conclusion, oldest first, their times to the millisecond.
        ledger_sequence, ledger_sha256: the head of the ledger at that time; None and "" without one.
    """

    file_sha256: str
    number: int
    conclusion_id: str
    outcome: str
    scan_sha256: str
    signatures: tuple[SignedBy, ...]
    ledger_sequence: int | None
    ledger_sha256: str


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """What was found well, what is wrong; `claims` is None if the record cannot be read."""

    checked: tuple[str, ...]
    problems: tuple[str, ...]
    claims: CertificateClaims | None


def check_certificate(pdf: bytes, name: str) -> CertificateCheck:
    """Check a certificate against its own seal and record.

    Raises:
        InputError: the file is not a PDF, or not a certificate of a station.
    """
    reader = opened(pdf, name, ATTACHMENT_NAME)
    checked, problems = seal_findings(pdf)
    try:
        record = _record(reader)
        pages = pages_by_language(reader, LIMITS[0])
        missing = unsaid(pages, partial(expected_texts, record))
        claims = _claims(record, pdf)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        broken = f"record: {ATTACHMENT_NAME} is not a record of {SCHEMA} ({type(error).__name__}: {error})"
        return CertificateCheck(tuple(checked), (*problems, broken), None)
    if not pages:
        problems.append("pages: none is a page of a certificate, in Chinese or in English")
    elif not missing:
        checked.append(f"pages: what they say in {' and '.join(pages)} is what the record says")
    return CertificateCheck(tuple(checked), (*problems, *missing), claims)


def opened(pdf: bytes, name: str, attachment: str) -> PdfReader:
    """Return a PDF that has this file attached.

    Raises:
        InputError: it is not a PDF, or has none.
    """
    try:
        reader = PdfReader(io.BytesIO(pdf))
        attached = attachment in reader.attachments
        _ = len(reader.pages)
    except (PyPdfError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{name}: cannot be read as PDF ({error}); expected a certificate") from error
    if not attached:
        raise InputError(f"{name}: has no {attachment} attached; expected a certificate of a station")
    return reader


def _record(reader: PdfReader) -> dict[str, Any]:
    try:
        (content,) = reader.attachments[ATTACHMENT_NAME]
    except PyPdfError as error:
        raise ValueError(str(error)) from error
    record: dict[str, Any] = json.loads(content)
    if record["schema"] != SCHEMA:
        raise ValueError(f"its schema is {record['schema']}")
    return record


def pages_by_language(reader: PdfReader, last_words: Words) -> Mapping[Language, str]:
    """Return the text of the pages of each language, without spaces; its last words tell which it is.

    Raises:
        ValueError: a page cannot be read.
    """
    try:
        texts = [squeezed(page.extract_text()) for page in reader.pages]
    except PyPdfError as error:
        raise ValueError(str(error)) from error
    found: dict[Language, str] = {}
    waiting = ""
    for text in texts:
        waiting += text
        for language in LANGUAGES:
            if squeezed(last_words.of(language)) in waiting:
                found[language], waiting = waiting, ""
    return found


def _claims(record: dict[str, Any], pdf: bytes) -> CertificateClaims:
    head = record["surroundings"]["ledger"]
    return CertificateClaims(
        file_sha256=sha256(pdf),
        number=int(record["number"]),
        conclusion_id=str(record["conclusion"]["id"]),
        outcome=str(record["conclusion"]["verdict"]),
        scan_sha256=str(record["acquisition"]["scan"]["sha256"]),
        signatures=tuple(
            SignedBy(one["who"], one["meaning"], moment(one["signed_at"]))
            for one in record["surroundings"]["signatures"]
        ),
        ledger_sequence=head["sequence"] if head else None,
        ledger_sha256=head["sha256"] if head else "",
    )
