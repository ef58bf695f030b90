"""Server-sent events: one look at the station for all who watch, so that watchers cost the line nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.responses import StreamingResponse

from qc_daemon.domain.people import secret_sha256
from qc_daemon.web.live import live_panel, live_view
from qc_daemon.web.parts import Language, Parts
from qc_daemon.web.rendering import render
from qc_daemon.web.visitors import SESSION_COOKIE, Visitor, known_visitor

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)

_LOOK_S = 0.4
_TICK_S = 2.0  # a browser that hears nothing for longer says so
_SESSION_CHECK_TICKS = 10
_LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen last: encoded events by language."""

    live: dict[Language, bytes]
    bar: dict[Language, bytes]


class Feed:
    """Looks at the station while anybody watches, and tells all of them what changed."""

    def __init__(self, parts: Parts, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        self._parts = parts
        self._stopping = stopping
        self._beat = beat
        self._sight = Sight({}, {})
        self._seen: tuple[Any, ...] = ()
        self._watchers = 0
        self._changed = asyncio.Event()
        self.closing = asyncio.Event()

    async def run(self) -> None:
        """Look, tell, wait; until the server stops."""
        while not self._stopping():
            self._beat()
            if self._watchers:
                try:
                    await self._look()
                except Exception:  # a page that fails once must not stop the feed of all
                    log.exception("the live page failed")
            await asyncio.sleep(_LOOK_S)
        self.closing.set()
        self._tell()

    async def stream(
        self, language: Language, live: bool, still_in: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """Yield events for one watcher until the server stops or their session ends."""
        self._watchers += 1
        told = Sight({}, {})
        ticks = 0
        try:
            yield b"retry: 1000\n\n"
            while not self.closing.is_set():
                changed, sight = self._changed, self._sight
                if sight is not told:
                    for event in _news(told, sight, language, live):
                        yield event
                    told = sight
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _TICK_S)
                    continue
                ticks += 1
                if ticks % _SESSION_CHECK_TICKS == 0 and not await asyncio.to_thread(still_in):
                    yield _event("gone", "")
                    return
                yield _event("tick", "")
        finally:
            self._watchers -= 1

    async def _look(self) -> None:
        status = await asyncio.to_thread(self._parts.status)
        last = status.get("last_inspection") or {}
        seen = (
            last.get("number"),
            last.get("at"),
            status["state"],
            status["instruments"],
            tuple(status["alarms"]),
        )
        if seen == self._seen:
            return
        self._sight = await asyncio.to_thread(self._draw)
        self._seen = seen
        self._tell()

    def _draw(self) -> Sight:
        view = live_view(self._parts)
        live = {spoken: _event("live", live_panel(self._parts, view, spoken)) for spoken in _LANGUAGES}
        bar = {
            spoken: _event("bar", render(self._parts, spoken, "bar.html", status=view.status))
            for spoken in _LANGUAGES
        }
        return Sight(live, bar)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


@router.get("/events")
async def events(
    request: Request, visitor: Annotated[Visitor, Depends(known_visitor)], live: bool = False
) -> StreamingResponse:
    """Stream what changes: the bar on top of every page, and the live panel if asked for."""
    feed: Feed = request.app.state.feed
    parts: Parts = request.app.state.parts
    digest = secret_sha256(request.cookies.get(SESSION_COOKIE, ""))

    def still_in() -> bool:
        return parts.people.of_session(digest, parts.clock.now()) is not None

    return StreamingResponse(
        feed.stream(visitor.language, live, still_in),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _news(told: Sight, sight: Sight, language: Language, live: bool) -> list[bytes]:
    kinds = [(told.bar, sight.bar), *([(told.live, sight.live)] if live else [])]
    return [
        now[language] for before, now in kinds if language in now and before.get(language) != now[language]
    ]


def _event(name: str, html: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in html.splitlines()) or "data:\n"
    return f"event: {name}\n{data}\n".encode()
