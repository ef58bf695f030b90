"""What watchers cost the line, and how fast pages are: `python -m benchmarks.web_load`.

A virtual line runs without a pause, first alone, then with 50 streams open and 20 requests a second; after
that the station is stopped with the streams open. Watchers run on the same computer at a low priority, as if
they were other computers. The whole never takes longer than `--limit` seconds.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.page_station import ADMIN, RunningPage, running_page

_STREAMS, _REQUESTS_PER_S = 50, 20
_CLIENT_NICENESS = 15
_PATHS = ("/inspections", "/", "/alarms", "/health", "/rolls", "/inspections?verdict=REFER", "/inspections/2")


@dataclass
class Watched:
    """What clients saw; appended to by their threads.

    `streams_ended_s` is when the last stream ended, seconds of the monotonic clock; `page_cores` is how many
    processors the page's process kept busy, which a busy computer changes less than the times.
    """

    seconds: list[float] = field(default_factory=list)
    failures: int = 0
    events: int = 0
    streams_ended_s: float = 0.0
    page_cores: float = 0.0


@dataclass(frozen=True)
class Stopped:
    """Seconds from SIGTERM to the end of the last stream, and to that of the station."""

    streams_s: float
    station_s: float


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each part lasts")
    parser.add_argument("--limit", type=float, default=600.0, help="after so long it is given up")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, running_page(Path(scratch), interval_s=0.01) as page:
        threading.Thread(target=_give_up_after, args=(wanted.limit, page), daemon=True).start()
        page.wait_for_inspections(5)
        alone = _rate(page, wanted.seconds)
        watched, loaded, stopped = _under_load(page, wanted.seconds)
    print(json.dumps(_result(alone, loaded, watched, stopped), indent=1))


def _result(alone: float, loaded: float, watched: Watched, stopped: Stopped) -> dict[str, Any]:
    in_order = sorted(watched.seconds)
    return {
        "inspections_per_s_alone": round(alone, 3),
        "inspections_per_s_under_load": round(loaded, 3),
        "change_percent": round(100 * (loaded / alone - 1), 1),
        "requests": len(in_order),
        "failures": watched.failures,
        "events": watched.events,
        "page_cores": round(watched.page_cores, 3),
        "median_ms": round(1000 * statistics.median(in_order), 1),
        "p95_ms": round(1000 * in_order[int(0.95 * len(in_order))], 1),
        "streams_ended_after_s": round(stopped.streams_s, 2),
        "station_ended_after_s": round(stopped.station_s, 2),
    }


def _give_up_after(limit_s: float, page: RunningPage) -> None:
    """End the station and this process if something hangs; the station's children follow it."""
    time.sleep(limit_s)
    print(f"given up after {limit_s:g} s", file=sys.stderr, flush=True)
    page.process.kill()
    os._exit(1)


def _rate(page: RunningPage, seconds: float) -> float:
    began, before = time.monotonic(), page.inspected()
    time.sleep(seconds)
    return (page.inspected() - before) / (time.monotonic() - began)


def _under_load(page: RunningPage, seconds: float) -> tuple[Watched, float, Stopped]:
    watched, over = Watched(), threading.Event()
    client = (page.address, _logged_in(page), watched, over)
    threads = [threading.Thread(target=_watch, args=client, daemon=True) for _ in range(_STREAMS)]
    threads += [
        threading.Thread(target=_ask, args=(*client, offset), daemon=True)
        for offset in range(_REQUESTS_PER_S)
    ]
    for thread in threads:
        thread.start()
    busy_s = _busy_s(page)
    rate = _rate(page, seconds)
    watched.page_cores = (_busy_s(page) - busy_s) / seconds
    over.set()
    began = time.monotonic()
    page.process.terminate()
    page.process.wait(60)
    station_s = time.monotonic() - began
    for thread in threads:
        thread.join(30)
    return watched, rate, Stopped(watched.streams_ended_s - began, station_s)


def _busy_s(page: RunningPage) -> float:
    """Return the processor time of the page's process so far."""
    pid = page.status()["processes"]["page"]
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _logged_in(page: RunningPage) -> dict[str, str]:
    with httpx.Client(base_url=page.address) as client:
        token = client.get("/login").text.split('name="token" value="')[1].split('"')[0]
        client.post("/login", data={"token": token, "name": ADMIN, "password": page.password})
        return dict(client.cookies)


def _watch(address: str, cookies: dict[str, str], watched: Watched, over: threading.Event) -> None:
    """Keep a stream open until the server ends it; read plainly, for parsing is the browser's work."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _CLIENT_NICENESS)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    host, port = urlsplit(address).hostname, urlsplit(address).port
    asked = f"GET /events?live=true HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\n\r\n"
    try:
        with socket.create_connection((host, port or 80), timeout=30) as stream:
            stream.sendall(asked.encode())
            while received := stream.recv(1 << 16):
                watched.events += received.count(b"event: live")
    except OSError:
        pass
    watched.failures += not over.is_set()
    watched.streams_ended_s = max(watched.streams_ended_s, time.monotonic())


def _ask(address: str, cookies: dict[str, str], watched: Watched, over: threading.Event, offset: int) -> None:
    """Open a page once a second."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _CLIENT_NICENESS)
    with httpx.Client(base_url=address, cookies=cookies, timeout=30) as client:
        turn = offset
        while not over.wait(1.0):
            began = time.monotonic()
            try:
                answer = client.get(_PATHS[turn % len(_PATHS)])
                watched.failures += answer.status_code != 200
                watched.seconds.append(time.monotonic() - began)
            except httpx.HTTPError:
                watched.failures += not over.is_set()
            turn += 1


if __name__ == "__main__":
    main()
