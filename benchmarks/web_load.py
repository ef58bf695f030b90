"""What watchers cost the line, and how fast pages are: `python -m benchmarks.web_load`.

A virtual line runs, first alone, then with 50 streams open and 20 requests a second; after that the
station is stopped with the streams open.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.page_station import ADMIN, RunningPage, running_page

_STREAMS, _REQUESTS_PER_S = 50, 20
_PATHS = ("/inspections", "/", "/alarms", "/health", "/rolls", "/inspections?verdict=REFER", "/inspections/2")


@dataclass
class Watched:
    """What clients saw; appended to by their threads."""

    seconds: list[float] = field(default_factory=list)
    failures: int = 0
    events: int = 0


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each part lasts")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, running_page(Path(scratch), interval_s=0.01) as page:
        page.wait_for_inspections(5)
        alone = _rate(page, wanted.seconds)
        watched, loaded, stop_s = _under_load(page, wanted.seconds)
    print(json.dumps(_result(alone, loaded, watched, stop_s), indent=1))


def _result(alone: float, loaded: float, watched: Watched, stop_s: float) -> dict[str, Any]:
    in_order = sorted(watched.seconds)
    return {
        "inspections_per_s_alone": round(alone, 3),
        "inspections_per_s_under_load": round(loaded, 3),
        "change_percent": round(100 * (loaded / alone - 1), 1),
        "requests": len(in_order),
        "failures": watched.failures,
        "events": watched.events,
        "median_ms": round(1000 * statistics.median(in_order), 1),
        "p95_ms": round(1000 * in_order[int(0.95 * len(in_order))], 1),
        "stop_with_streams_open_s": round(stop_s, 2),
    }


def _rate(page: RunningPage, seconds: float) -> float:
    began, before = time.monotonic(), page.inspected()
    time.sleep(seconds)
    return (page.inspected() - before) / (time.monotonic() - began)


def _under_load(page: RunningPage, seconds: float) -> tuple[Watched, float, float]:
    cookies = _logged_in(page)
    watched, over = Watched(), threading.Event()
    threads = [
        threading.Thread(target=_watch, args=(page.address, cookies, watched, over)) for _ in range(_STREAMS)
    ] + [
        threading.Thread(target=_ask, args=(page.address, cookies, watched, over, offset))
        for offset in range(_REQUESTS_PER_S)
    ]
    for thread in threads:
        thread.start()
    rate = _rate(page, seconds)
    over.set()
    began = time.monotonic()
    page.process.terminate()
    page.process.wait(30)
    stop_s = time.monotonic() - began
    for thread in threads:
        thread.join()
    return watched, rate, stop_s


def _logged_in(page: RunningPage) -> dict[str, str]:
    with httpx.Client(base_url=page.address) as client:
        token = client.get("/login").text.split('name="token" value="')[1].split('"')[0]
        client.post("/login", data={"token": token, "name": ADMIN, "password": page.password})
        return dict(client.cookies)


def _watch(address: str, cookies: dict[str, str], watched: Watched, over: threading.Event) -> None:
    """Keep a stream open until the server ends it."""
    try:
        with httpx.stream("GET", f"{address}/events?live=true", cookies=cookies, timeout=30) as stream:
            for line in stream.iter_lines():
                watched.events += line.startswith("event: live")
    except httpx.HTTPError:
        watched.failures += not over.is_set()


def _ask(address: str, cookies: dict[str, str], watched: Watched, over: threading.Event, offset: int) -> None:
    """Open a page once a second."""
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
