"""What machines ask: does the station live, is it ready, and its metrics. Without a name or password."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from qc_daemon.domain.errors import QcError
from qc_daemon.metrics import exposition
from qc_daemon.readiness import why_not_alive, why_not_ready
from qc_daemon.web.parts import Parts
from qc_daemon.web.visitors import parts_of

router = APIRouter(include_in_schema=False)


@router.get("/livez")
def alive(request: Request) -> Response:
    """Say whether the station gives signs of life; 503 with reasons if it should be started anew."""
    return _answer("alive", why_not_alive(parts_of(request).status()))


@router.get("/readyz")
def ready(request: Request) -> Response:
    """Say whether the next specimen would get a verdict; 503 with reasons if not."""
    return _answer("ready", why_not_ready(parts_of(request).status()))


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return the figures of the station for Prometheus."""
    parts = parts_of(request)
    text = exposition(parts.status(), parts.station_folder, parts.clock.now(), _waiting(parts))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _waiting(parts: Parts) -> Mapping[str, int]:
    """Return how many messages wait; nothing while the database is away: the rest is worth having."""
    try:
        return parts.reader.waiting_messages()
    except QcError:
        return {}


def _answer(what: str, reasons: list[str]) -> JSONResponse:
    return JSONResponse({what: not reasons, "reasons": reasons}, 503 if reasons else 200)
