"""Server-sent events: one look at the station for all who watch, so that watchers cost the line nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
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
_DRAW_S = 1.0  # what changes faster nobody could read
_STOP_S = 0.1
_TICK_S = 2.0  # a browser that hears nothing for longer says so
_SESSION_CHECK_TICKS = 10
_LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen last, drawn at `drawn_s` of the monotonic clock: encoded events by language."""

    live: dict[Language, bytes]
    bar: dict[Language, bytes]
    drawn_s: float


_NOTHING = Sight({}, {}, float("-inf"))


class Feed:
    """Looks at the station while anybody watches, and tells all of them what changed."""

    def __init__(self, parts: Parts, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        self._parts = parts
        self._stopping = stopping
        self._beat = beat
        self._clock = parts.clock
        self._sight = _NOTHING
        self._seen: tuple[Any, ...] = ()
        self._watchers = 0
        self._changed = asyncio.Event()
        self.closing = asyncio.Event()

    async def run(self) -> None:
        """Look, tell, wait; until the server stops."""
        looking = asyncio.create_task(self._look_again_and_again())
        while not self._stopping():
            await asyncio.sleep(_STOP_S)
        self.closing.set()
        self._tell()
        looking.cancel()

    async def stream(
        self, language: Language, live: bool, still_in: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """Yield events for one watcher until the server stops or their session ends."""
        self._watchers += 1
        told = _NOTHING
        ticks = 0
        try:
            yield b"retry: 1000\n\n"
            while not self.closing.is_set():
                changed, sight = self._changed, self._sight
                if sight is not told:
                    for event in self._news(told, sight, language, live):
                        yield event
                    told = sight
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _TICK_S)
                    continue
                ticks += 1
                if ticks % _SESSION_CHECK_TICKS == 0 and not await asyncio.to_thread(still_in):
                    yield _event("gone", _body(""))
                    return
                yield _event("tick", _body(""))
        finally:
            self._watchers -= 1

    async def _look_again_and_again(self) -> None:
        while True:
            self._beat()
            if self._watchers and self._clock.monotonic_s() - self._sight.drawn_s >= _DRAW_S:
                try:
                    await self._look()
                except Exception:  # a page that fails once must not stop the feed of all
                    log.exception("the live page failed")
            await asyncio.sleep(_LOOK_S)

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
        drawn_s = self._clock.monotonic_s()
        view = live_view(self._parts)
        live = {spoken: _body(live_panel(self._parts, view, spoken)) for spoken in _LANGUAGES}
        bar = {
            spoken: _body(render(self._parts, spoken, "bar.html", status=view.status))
            for spoken in _LANGUAGES
        }
        return Sight(live, bar, drawn_s)

    def _news(self, told: Sight, sight: Sight, language: Language, live: bool) -> Iterator[bytes]:
        """Yield what a watcher does not know; with how long ago it was drawn, by which its ages grew."""
        if sight.bar.get(language) != told.bar.get(language):
            yield _event("bar", sight.bar[language])
        if live and sight.live.get(language) != told.live.get(language):
            late_s = self._clock.monotonic_s() - sight.drawn_s
            yield _event("live", _body(f'<i hidden data-late="{late_s:.1f}"></i>') + sight.live[language])

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


def _event(name: str, body: bytes) -> bytes:
    return b"event: %s\n%s\n" % (name.encode(), body)


def _body(html: str) -> bytes:
    return "".join(f"data: {line}\n" for line in html.splitlines()).encode() or b"data:\n"
