"""Calibration: what is due, which references there are, and the control charts of the checks."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from qc_daemon.domain.calibration import CheckKind
from qc_daemon.domain.page import ControlChart
from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import Visitor, known_visitor, parts_of

router = APIRouter(include_in_schema=False)

_REFERENCES = 25
_CHECKS = 60
_WIDTH, _HEIGHT, _LEFT, _EDGE = 900, 240, 120, 20
_SMALLEST_REACH = 0.1  # % reflectance or nm: less is noise, and would look like a drift


@dataclass(frozen=True, slots=True)
class DrawnPoint:
    """A check in the picture's units; `broken` is the rule that it broke."""

    x: float
    y: float
    broken: str


@dataclass(frozen=True, slots=True)
class DrawnChart:
    """A control chart in the picture's units, with the ends of its axis in words."""

    chart: ControlChart
    points: tuple[DrawnPoint, ...]
    zero_y: float
    top: str
    bottom: str
    position: str


@router.get("/calibration")
def calibration(request: Request, visitor: Annotated[Visitor, Depends(known_visitor)]) -> Response:
    """Show how far the spectrometers can be trusted."""
    parts = parts_of(request)
    return page(
        request, visitor, "calibration.html",
        duties=parts.duties(),
        references=parts.reader.references(_REFERENCES),
        charts=[drawn_chart(chart) for chart in parts.reader.charts(_CHECKS)],
    )  # fmt: skip


def drawn_chart(chart: ControlChart) -> DrawnChart:
    """Return where the checks lie: times in order, residuals around zero; a missing peak lies at zero."""
    scale = 100.0 if chart.kind is CheckKind.TILE else 1.0
    residuals = [0.0 if value.residual is None else scale * value.residual for value in chart.values]
    reach = max([_SMALLEST_REACH, *(abs(residual) for residual in residuals)])
    step = (_WIDTH - _LEFT - _EDGE) / max(len(residuals) - 1, 1)
    middle = _HEIGHT / 2
    points = tuple(
        DrawnPoint(_LEFT + place * step, middle - (middle - _EDGE) * residual / reach, value.rule)
        for place, (residual, value) in enumerate(zip(residuals, chart.values, strict=True))
    )
    return DrawnChart(chart, points, middle, f"{reach:+.3g}", f"{-reach:+.3g}", f"{chart.position_nm:g}")
