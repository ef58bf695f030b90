"""The page beside a line that runs, started and asked as a person at the console would."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from command_line import qc_daemon
from page_kit import form_token, log_in, until

from benchmarks.page_station import ADMIN, RunningPage, running_page


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPage]:
    with running_page(tmp_path_factory.mktemp("running"), interval_s=0.2) as page:
        yield page


def test_the_newest_inspection_is_on_the_page(running: RunningPage) -> None:
    with httpx.Client(base_url=running.address, timeout=30) as client:
        log_in(client, ADMIN, running.password)
        number = running.inspected()
        shown = client.get(f"/inspections/{number}")
        assert "NIRscan Nano VIRTUAL" in shown.text
        assert client.get(f"/inspections/{number}/micrograph.jpg").content.startswith(b"\xff\xd8")


def test_rolls_that_the_plant_orders_are_judged_by_their_orders(running: RunningPage) -> None:
    with httpx.Client(base_url=f"{running.address}/api/v1", timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {_issued_token(running)}"
        for roll in ("ROLL-1", "ROLL-2", "ROLL-3", "ROLL-4"):  # all that the emulated line ever brings
            order = {"order": f"PO-{roll}", "lot": "VIRTUAL-LOT", "roll": roll, "label": "silk 100"}
            assert client.post("/roll-orders", json=order).status_code == 201
        until(lambda: _newest(client)["label"] == "silk 100", limit_s=60)
        assert _newest(client)["verdict"] in (
            "FAIL",
            "REFER",
            "UNDECIDED",
        )  # the virtual mill weaves no pure silk


def test_people_are_added_at_the_console_while_the_station_runs(running: RunningPage) -> None:
    config = running.folder / "qc.toml"
    added = qc_daemon("users", "add", "Wei", "--role", "operator", "--config", config)
    assert added.status == 0, added.err
    with httpx.Client(base_url=running.address, timeout=30) as client:
        assert log_in(client, "Wei", added.out.strip()).status_code == 303
        assert qc_daemon("users", "disable", "Wei", "--config", config).status == 0
        assert client.get("/health").status_code == 303
    again = qc_daemon("users", "add", "Wei", "--role", "qa", "--config", config)
    assert (again.status, "Traceback" in again.err) == (2, False)
    assert "taken" in again.err
    names = qc_daemon("users", "list", "--config", config, "--json").document
    assert {person["name"]: person["disabled"] for person in names} == {ADMIN: False, "Wei": True}


def test_a_killed_page_is_started_again_and_sessions_go_on(running: RunningPage) -> None:
    with httpx.Client(base_url=running.address, timeout=30) as client:
        log_in(client, ADMIN, running.password)
        before = running.inspected()
        killed = running.status()["processes"]["page"]
        os.kill(killed, signal.SIGKILL)
        until(lambda: running.status()["processes"]["page"] not in (0, killed), limit_s=60)
        assert form_token(client.get("/").text)
    until(lambda: running.inspected() > before + 1, limit_s=60)


def test_a_port_in_use_is_said_in_one_line(running: RunningPage, tmp_path: Path) -> None:
    port = running.address.rsplit(":", 1)[1]
    config = tmp_path / "qc.toml"
    config.write_text(
        f'[station]\nfolder = "{tmp_path / "station"}"\n[emulated_line]\n[web]\nport = {port}\n'
    )
    second = qc_daemon("run", "--config", config)
    assert second.status == 2
    assert f"port {port}" in second.err
    assert "Traceback" not in second.err


def test_the_station_stops_within_seconds_with_a_stream_open(running: RunningPage) -> None:
    with httpx.Client(base_url=running.address, timeout=30) as client:
        log_in(client, ADMIN, running.password)
        with client.stream("GET", "/events?live=true") as stream:
            lines = stream.iter_lines()
            assert any(line == "event: live" for line in lines)
            began = time.monotonic()
            running.process.terminate()
            for _ in lines:
                pass  # until the server ends it
            assert running.process.wait(30) == 0
            assert time.monotonic() - began < 20  # the inspection that is running is finished first


def _issued_token(running: RunningPage) -> str:
    """Return a program's token, issued by the admin on the page."""
    with httpx.Client(base_url=running.address, timeout=30) as browser:
        log_in(browser, ADMIN, running.password)
        form = {"token": form_token(browser.get("/people").text), "name": "mes", "role": "operator"}
        shown = re.search(r"qc_[\w-]{40,}", browser.post("/people/issue", data=form).text)
        assert shown is not None
        return shown[0]


def _newest(client: httpx.Client) -> dict[str, str]:
    newest: dict[str, str] = client.get("/inspections", params={"limit": 1}).json()["items"][0]
    return newest
