"""Assembles the application: pages, REST interface, static files, and answers to trouble."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from qc_daemon.domain.errors import QcError
from qc_daemon.web import (
    alarms,
    calibration,
    feed,
    health,
    inspections,
    live,
    models,
    people,
    rolls,
    station_health,
)
from qc_daemon.web.answers import NotFound
from qc_daemon.web.api import create_api
from qc_daemon.web.guards import BodyLimit, SafeHeaders
from qc_daemon.web.parts import Parts
from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import ForeignForm, NotLoggedIn, visitor_of

log = structlog.get_logger()

_STATIC = Path(__file__).parent / "static"
# HTMX and its extension for server-sent events, as the package that ships them names them.
_HTMX = {"htmx.js": "htmx-2.min.js", "sse.js": "ext/hx-sse-2.min.js"}


def create_app(parts: Parts, stopping: Callable[[], bool], beat: Callable[[], None]) -> FastAPI:
    """Return the application.

    Args:
        parts: what it works with.
        stopping: tells whether the server is about to stop, so that streams end.
        beat: called again and again while the application is alive.
    """

    @asynccontextmanager
    async def looking(app: FastAPI) -> AsyncIterator[None]:
        app.state.feed = feed.Feed(parts, stopping, beat)
        task = asyncio.create_task(app.state.feed.run())
        yield
        task.cancel()

    app = FastAPI(title=parts.station_name, lifespan=looking, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    for room in (live, feed, inspections, rolls, calibration, alarms, models, station_health, people, health):
        app.include_router(room.router)
    app.mount("/api/v1", create_api(parts))
    _serve_files(app, parts.chinese_font)
    _say_what_is_wrong(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(SafeHeaders, secure=parts.secure)
    return app


def _serve_files(app: FastAPI, chinese_font: Path) -> None:
    htmx = Path(str(resources.files("django_htmx"))) / "static" / "django_htmx"

    for name, file in _HTMX.items():
        app.add_api_route(f"/static/{name}", _file(htmx / file), include_in_schema=False)
    app.add_api_route("/static/chinese.otf", _file(chinese_font), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")


def _file(path: Path) -> Callable[[], Response]:
    def send() -> Response:
        return FileResponse(path, headers={"Cache-Control": "max-age=86400"})

    return send


def _say_what_is_wrong(app: FastAPI) -> None:
    """Answer each kind of trouble with a page that says it in the visitor's language."""

    @app.exception_handler(NotLoggedIn)
    def to_the_door(request: Request, _error: Exception) -> Response:
        if request.method != "GET" or request.url.path == "/events":
            return _trouble(request, 401, "not_logged_in")
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?{urlencode({'to': there})}", 303)

    @app.exception_handler(ForeignForm)
    def foreign(request: Request, _error: Exception) -> Response:
        log.warning("a form that is not ours", path=request.url.path)
        return _trouble(request, 403, "foreign_form")

    @app.exception_handler(NotFound)
    def not_found(request: Request, error: NotFound) -> Response:
        return _trouble(request, 404, error.key)

    @app.exception_handler(QcError)
    def unavailable(request: Request, error: QcError) -> Response:
        log.warning("page not served", path=request.url.path, error=str(error))
        return _trouble(request, 503, "database_away")

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        keys = {404: "not_found", 413: "too_large"}
        return _trouble(request, error.status_code, keys.get(error.status_code, "bad_request"))

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, _error: Exception) -> Response:
        return _trouble(request, 422, "bad_request")

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        log.error("page failed", path=request.url.path, exc_info=error)
        return _trouble(request, 500, "broken")


def _trouble(request: Request, status_code: int, key: str) -> Response:
    return page(request, visitor_of(request), "trouble.html", status_code, key=key)
