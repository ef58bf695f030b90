"""A station with a history, its page on a real socket, its desk behind a real one, and people to log in."""

import hashlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from builders_storage import (
    acquisition,
    check_run,
    composition,
    conclusion,
    decode_image,
    decode_scan,
    refusal,
    specimen,
    station_store,
    white_reference,
)

from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config, EmulatedLineSection
from qc_daemon.desk import FrontDesk
from qc_daemon.desk_socket import open_desk
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.people import Role
from qc_daemon.domain.requests import (
    AddPerson,
    AnswerKind,
    Credential,
    CredentialKind,
    IssueToken,
    Request,
)
from qc_daemon.settings.web import WebSection
from qc_daemon.status import LastInspection, StatusBoard
from qc_daemon.web.app import create_app
from qc_daemon.web.parts import Parts
from qc_daemon.wiring.archive import status_file
from qc_daemon.wiring.web import front_desk, page_parts
from storage.alarm_rows import SqlAlarmStore
from storage.inspection_reader import open_inspections
from storage.inspection_store import SqlInspectionStore

HTML = "<script>document.title='owned'</script><b>S</b>"
LONG = "-".join(["very-long-name-of-a-specimen"] * 6)
CONSOLE = Credential(CredentialKind.CONSOLE, "tester")


class SetClock(SystemClock):
    """The real clock, whose wall time a test can set."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return super().now() + self.offset


@dataclass
class PageOnTest:
    """A running page and all that stands behind it."""

    folder: Path
    store: SqlInspectionStore
    board: StatusBoard
    alarms: Alarms
    desk: FrontDesk
    parts: Parts
    clock: SetClock
    port: int = 0
    passwords: dict[Role, str] | None = None
    tokens: dict[Role, str] | None = None
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        server: uvicorn.Server
        app = create_app(self.parts, lambda: server.should_exit, lambda: None)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2))
        self._server = server
        self._thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        self._thread.start()
        until(lambda: server.started)

    def stop(self) -> float:
        """Stop the server; return how long that took, seconds."""
        assert self._server is not None and self._thread is not None
        began = time.monotonic()
        self._server.should_exit = True
        self._thread.join(20)
        return time.monotonic() - began

    def asked(self, request: Request, credential: Credential = CONSOLE) -> str:
        answer = self.desk.ask(credential, request)
        assert answer.kind is AnswerKind.DONE, answer
        return answer.secret

    def inspect(self, seed: int, of_conclusion: Mapping[str, Any] | None = None, **of_specimen: Any) -> int:
        """Store one more inspection, as the line would, and publish it; return its number."""
        about = acquisition(seed, specimen=specimen(**of_specimen), triggered_at=datetime.now(UTC))
        number = self.store.add_acquisition(about).number
        share = 35.0 if seed % 3 == 0 else 60.0
        drawn = conclusion(about, composition=composition(share), **(of_conclusion or {}))
        if seed % 7 == 5:
            drawn = refusal(about)
        self.store.add_conclusion(number, drawn)
        file = self.folder / "reports" / f"{number}.pdf"
        file.parent.mkdir(exist_ok=True)
        contents = b"%PDF-1.7\n% certificate " + str(number).encode() + b"\n%%EOF\n"
        file.write_bytes(contents)
        digest = hashlib.sha256(contents).hexdigest()
        self.store.add_report(number, drawn.id, ReportFile(str(file), "both", digest))
        last = LastInspection(
            number, about.specimen.id, drawn.verdict.outcome.value, self.clock.now().isoformat()
        )
        self.board.update(last_inspection=last)
        return number

    @contextmanager
    def client(self, role: Role | None) -> Iterator[httpx.Client]:
        """Open a browser without JavaScript, logged in with a role."""
        with httpx.Client(base_url=self.address, timeout=20, headers={"Accept-Language": "en"}) as client:
            if role is not None:
                assert self.passwords is not None
                log_in(client, role.value, self.passwords[role])
            yield client


def log_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    token = form_token(client.get("/login").text)
    return client.post("/login", data={"token": token, "name": name, "password": password})


def status_of_huge_body(address: str, path: str, authorization: str = "") -> bytes:
    """Announce a body of 100 MB, send none of it, and return the first line of the answer."""
    host, port = address.removeprefix("http://").split(":")
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}:{port}",
        f"Content-Length: {10**8}",
        "Expect: 100-continue",
    ]
    lines += [f"Authorization: {authorization}"] if authorization else []
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection.makefile("rb").readline()


def form_token(html: str) -> str:
    """Return the token of the first form of a page."""
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found is not None, html
    return found[1]


def until(what: Callable[[], object], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextmanager
def a_page(folder: Path, with_history: bool = True) -> Iterator[PageOnTest]:
    """Serve the page of a station; with people of each role and a history unless it is to be new."""
    config = Config(
        station={"folder": folder, "name": "Line <7> 七号线"},
        emulated_line=EmulatedLineSection(),
        web=WebSection(port=0),
    )
    assert config.web is not None
    clock = SetClock()
    with station_store(folder, now=clock.now) as store:
        board = StatusBoard(status_file(folder), clock)
        board.update(state="running")
        alarms = Alarms(board, SqlAlarmStore(store), clock)
        desk = front_desk(config, config.web, store, alarms)
        reader = open_inspections(folder, None, {"plain-json": decode_scan}, decode_image)
        with reader, open_desk(folder, desk):
            parts = page_parts(config, config.web, reader, clock)
            page = PageOnTest(folder, store, board, alarms, desk, parts, clock)
            if with_history:
                _add_people(page)
                _add_history(page)
            page.start()
            try:
                yield page
            finally:
                page.stop()


def _add_people(page: PageOnTest) -> None:
    page.passwords = {role: page.asked(AddPerson(role.value, role)) for role in Role}
    page.tokens = {role: page.asked(IssueToken(f"mes-{role.value}", role)) for role in Role}


def _add_history(page: PageOnTest) -> None:
    board = page.board
    board.instrument("spectrometer", "ready", "2026-11-24T06:00:00+00:00", "6100023")
    board.instrument("camera", "lost", "2026-11-24T06:10:00+00:00", "CAM-7")
    white = white_reference()
    page.store.add_reference(white)
    page.store.add_check(check_run(white))
    for seed in range(60):
        page.inspect(seed, id=f"S-{seed}", lot=f"L{seed // 30}", roll=f"R{seed // 10}", position_m=seed * 0.5)
    page.inspect(61, id=HTML, lot="L/1 & co", roll="R?1", position_m=1.0)
    page.inspect(62, id=LONG, lot=LONG, roll="R1", position_m=2.0)
    page.alarms.raise_alarm("camera", "no new frame for 12 s")
    page.alarms.raise_alarm("reference", "the white tile is dirty <b>!</b>")
