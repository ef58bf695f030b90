"""The page of the station's health: what the daemon publishes of itself, in words."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import Visitor, known_visitor, parts_of

router = APIRouter(include_in_schema=False)


@router.get("/health")
def health(request: Request, visitor: Annotated[Visitor, Depends(known_visitor)]) -> Response:
    """Show how daemon, instruments and line device are."""
    return page(request, visitor, "health.html", status=parts_of(request).status())
