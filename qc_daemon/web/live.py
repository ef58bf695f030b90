"""The first page: what the station does now, from the newest inspection to the state of each instrument."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from starlette.responses import Response

from qc_daemon.domain.errors import InputError, QcError
from qc_daemon.domain.page import InspectionSheet
from qc_daemon.web.parts import Drawing, Language, Parts
from qc_daemon.web.rendering import page, render
from qc_daemon.web.visitors import Visitor, known_visitor, parts_of

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Records:
    """One inspection as it is known now, and as it was drawn."""

    sheet: InspectionSheet
    drawing: Drawing

    @property
    def spectrum_svg(self) -> Markup:
        """The spectrum, drawn from figures."""
        return Markup(self.drawing.spectrum_svg)  # noqa: S704

    @property
    def overlay_svg(self) -> Markup:
        """What lies over the micrograph, drawn from figures; empty if there is none."""
        return Markup(self.drawing.overlay_svg)  # noqa: S704


@dataclass(frozen=True, slots=True)
class LiveView:
    """What the page shows; ages in seconds at the moment it was made, negative if a clock was set back."""

    status: Mapping[str, Any]
    records: Records | None
    problem: str
    inspected_s: float | None
    references: tuple[tuple[str, float], ...]


@router.get("/")
def live(request: Request, visitor: Annotated[Visitor, Depends(known_visitor)]) -> Response:
    """Show what the station does now; the page then follows by itself."""
    parts = parts_of(request)
    panel = Markup(live_panel(parts, live_view(parts), visitor.language))  # noqa: S704 a template made it
    return page(request, visitor, "live.html", panel=panel)


def live_view(parts: Parts) -> LiveView:
    """Look at the station."""
    status = parts.status()
    now = parts.clock.now()
    try:
        number = (status.get("last_inspection") or {}).get("number") or parts.reader.newest()
        records = None if number is None else records_of(parts, number)
        ages = tuple(
            (reference.serial, (now - reference.taken_at).total_seconds())
            for reference in parts.reader.references(20)
            if reference.is_current
        )
    except QcError as error:
        return LiveView(status, None, str(error), None, ())
    return LiveView(status, records, "", _age_s(records, now), ages)


def live_panel(parts: Parts, view: LiveView, language: Language) -> str:
    """Return the HTML that changes with each inspection."""
    return render(
        parts, language, "live_panel.html", view=view, reasons=reasons_of(parts, view.records, language)
    )


def records_of(parts: Parts, number: int) -> Records:
    """Read an inspection, and draw it unless it was drawn before.

    Raises:
        InputError: there is none of that number.
    """
    sheet = parts.reader.inspection(number)
    wanted = sheet.line.conclusion_id or ""
    return Records(sheet, parts.shelf.get_or_draw(number, wanted, lambda: _draw(parts, number)))


def reasons_of(parts: Parts, records: Records | None, language: Language) -> list[str]:
    """Return why the verdict is what it is, in words."""
    conclusion = records.drawing.conclusion if records else None
    return [
        parts.wording.reason(reason, language)
        for reason in (conclusion.verdict.reasons if conclusion else ())
    ]


def _draw(parts: Parts, number: int) -> Drawing:
    acquisition = parts.reader.load_acquisition(number)
    try:
        conclusion = parts.reader.load_conclusion(number)
    except InputError:
        conclusion = None
    image = parts.pictures.micrograph(acquisition, conclusion)
    return Drawing(
        acquisition=replace(acquisition, frame=None),
        conclusion=replace(conclusion, cleaned=None) if conclusion else None,
        spectrum_svg=parts.pictures.spectrum_svg(acquisition, conclusion),
        jpeg=image.jpeg if image else b"",
        overlay_svg=image.overlay_svg if image else "",
    )


def _age_s(records: Records | None, now: datetime) -> float | None:
    return None if records is None else (now - records.sheet.line.accepted_at).total_seconds()
