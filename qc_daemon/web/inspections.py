"""The inspections: a list to filter, one with its evidence, its picture and its certificates."""

import hashlib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.page import InspectionFilter, StoredReport
from qc_daemon.domain.people import SignatureMeaning
from qc_daemon.domain.requests import Answer, AnswerKind, Sign
from qc_daemon.web.answers import STATUS_OF, NotFound
from qc_daemon.web.live import reasons_of, records_of
from qc_daemon.web.parts import Parts
from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import Visitor, known_visitor, parts_of, require_own_form

router = APIRouter(include_in_schema=False)

_ROWS = 50
_LARGEST = 2**63 - 1
VERDICTS = ("PASS", "FAIL", "REFER", "UNDECIDED")


@router.get("/inspections")
def inspections(
    request: Request,
    visitor: Annotated[Visitor, Depends(known_visitor)],
    lot: str = "",
    roll: str = "",
    verdict: str = "",
    since: str = "",
    until: str = "",
    before: str = "",
) -> Response:
    """List inspections from the newest back."""
    which = InspectionFilter(
        lot.strip(), roll.strip(), verdict if verdict in VERDICTS else "", _day(since, 0), _day(until, 1)
    )
    lines = parts_of(request).reader.inspections(which, _whole(before), _ROWS + 1)
    asked = {"lot": lot, "roll": roll, "verdict": verdict, "since": since, "until": until}
    return page(
        request,
        visitor,
        "inspections.html",
        lines=lines[:_ROWS],
        older=lines[_ROWS - 1].number if len(lines) > _ROWS else None,
        asked=asked,
        verdicts=VERDICTS,
    )


@router.get("/inspections/{number}")
def inspection(
    request: Request, visitor: Annotated[Visitor, Depends(known_visitor)], number: int
) -> Response:
    """Show one inspection with all that its verdict rests on."""
    return _sheet(request, visitor, number)


@router.post("/inspections/{number}/signatures")
def sign(
    request: Request,
    visitor: Annotated[Visitor, Depends(known_visitor)],
    number: int,
    token: Annotated[str, Form()],
    conclusion: Annotated[str, Form()],
    meaning: Annotated[SignatureMeaning, Form()],
    password: Annotated[str, Form()],
) -> Response:
    """Sign the conclusion that was read."""
    require_own_form(request, visitor, token)
    answer = parts_of(request).desk.ask(visitor.credential, Sign(number, conclusion, meaning, password))
    if answer.kind is AnswerKind.DONE:
        return RedirectResponse(f"/inspections/{number}#signatures", 303)
    return _sheet(request, visitor, number, answer)


@router.get("/inspections/{number}/micrograph.jpg", dependencies=[Depends(known_visitor)])
def micrograph(request: Request, number: int, of: str = "") -> Response:
    """Return the micrograph with its debris outlined, as the conclusion `of` saw it."""
    parts = parts_of(request)
    drawing = parts.shelf.get(number, of)
    if drawing is None:
        try:
            drawing = records_of(parts, min(number, _LARGEST)).drawing
        except InputError as error:
            raise NotFound("no_inspection") from error
    if not drawing.jpeg:
        raise NotFound("no_micrograph")
    return Response(drawing.jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


@router.get("/inspections/{number}/reports/{sha256}.pdf", dependencies=[Depends(known_visitor)])
def report(request: Request, number: int, sha256: str) -> Response:
    """Return a certificate, if its file is still the one that was recorded."""
    parts = parts_of(request)
    try:
        sheet = parts.reader.inspection(min(number, _LARGEST))
    except InputError as error:
        raise NotFound("no_inspection") from error
    found = next((stored for stored in sheet.reports if stored.sha256 == sha256), None)
    if found is None:
        raise NotFound("no_report")
    return pdf_of(parts, number, found)


def pdf_of(parts: Parts, number: int, stored: StoredReport) -> Response:
    """Return a stored report as a download.

    Raises:
        NotFound: its file is gone, lies outside of the station folder, or was altered.
    """
    folder = parts.station_folder.resolve()
    file = (folder / stored.path).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise NotFound("no_report")
    contents = file.read_bytes()
    if hashlib.sha256(contents).hexdigest() != stored.sha256:
        raise NotFound("report_altered")
    name = f"certificate-{number}.pdf"
    return Response(
        contents,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _sheet(request: Request, visitor: Visitor, number: int, refused: Answer | None = None) -> Response:
    parts = parts_of(request)
    try:
        records = records_of(parts, min(number, _LARGEST))
    except InputError as error:
        raise NotFound("no_inspection") from error
    return page(
        request,
        visitor,
        "inspection.html",
        STATUS_OF[refused.kind] if refused else 200,
        refused,
        records=records,
        reasons=reasons_of(parts, records, visitor.language),
        report_names={stored.sha256: Path(stored.path).name for stored in records.sheet.reports},
        meanings=tuple(SignatureMeaning),
    )


def _day(text: str, further_days: int) -> datetime | None:
    """Return the start of a day of the station's own time; None for what is no date."""
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=further_days), time()).astimezone()
    except (ValueError, OverflowError):
        return None


def _whole(text: str) -> int | None:
    return min(int(text), _LARGEST) if text.isascii() and text.isdecimal() else None
