"""Datasette as its own process over HTTP: it answers the questions, and nothing can be changed."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from builders_storage import acquisition, conclusion, station_store

from qc_daemon.domain.errors import InputError
from storage.database_url import database_url
from storage.history_site import serve_history
from storage.questions import QUESTIONS

SERVE = (
    "import sys; from storage.history_site import serve_history;"
    " serve_history(sys.argv[1], 'History of a test', 0, lambda address: print(address, flush=True))"
)
PARAMETERS = {"lot": "L1", "roll": "R1", "lots": "L*", "since": "2020", "specimen": "S-1"}
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class Site:
    """A running server and the station below it."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, database_url(folder / "qc.sqlite3")],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:")

    def get(self, path: str, **query: str) -> tuple[int, str]:
        url = f"{self.address}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        for _ in range(100):
            try:
                with urllib.request.urlopen(url, timeout=30) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
            except urllib.error.URLError:
                time.sleep(0.05)  # it listens, but does not answer yet
        raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("station")
    with station_store(folder) as store:  # a live database: its log is not merged while this is open
        about = acquisition()
        store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
        running = Site(folder)
        yield running
        running.process.kill()
        running.process.wait()


def rows(answer: tuple[int, str]) -> list[dict]:
    status, body = answer
    assert status == 200, body
    return json.loads(body)


def test_each_canned_question_is_answered(site):
    for question in QUESTIONS:
        needed = {name: PARAMETERS[name] for name in re.findall(r":(\w+)", question.sql)}
        answered = rows(site.get(f"/qc/{question.name}.json", _shape="objects", **needed))
        assert tuple(answered["columns"]) == question.columns, question.name


def test_what_the_station_writes_meanwhile_is_seen(site):
    sql = "SELECT count(*) AS n FROM v_inspections"
    assert rows(site.get("/qc.json", sql=sql, _shape="array")) == [{"n": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO models VALUES (9, 'a', 'b', 'c')",
        "DELETE FROM acquisitions",
        "UPDATE conclusions SET outcome = 'PASS'",
        "DROP VIEW v_inspections",
        "WITH x AS (SELECT 1) DELETE FROM models",
        "WITH x AS (SELECT 1) INSERT INTO models SELECT 9, 'a', 'b', 'c'",
        "ATTACH '/tmp/other.sqlite3' AS other",
        "VACUUM INTO '/tmp/copy.sqlite3'",
        "PRAGMA query_only = OFF",
        "SELECT * FROM pragma_journal_mode('delete')",
        "SELECT * FROM pragma_wal_checkpoint",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM models",
        "EXPLAIN DELETE FROM models",
    ],
)
def test_whatever_is_typed_changes_nothing(site, sql):
    before = (site.folder / "qc.sqlite3").read_bytes(), (site.folder / "qc.sqlite3-wal").read_bytes()
    status, _ = site.get("/qc.json", sql=sql, _shape="array")
    assert status in (400, 500)  # 500 for several statements at once
    after = (site.folder / "qc.sqlite3").read_bytes(), (site.folder / "qc.sqlite3-wal").read_bytes()
    assert after == before


def test_the_file_itself_cannot_be_taken_away(site):
    assert site.get("/qc.db")[0] in (403, 404)


def test_an_endless_question_is_given_up_after_five_seconds(site):
    began = time.monotonic()
    status, body = site.get("/qc.json", sql=ENDLESS, _timelimit="60000")
    assert status == 400
    assert "SQL query took too long" in body
    assert time.monotonic() - began < 15


def test_pages_have_facets_and_plots_and_need_no_other_computer(site):
    _, page = site.get("/qc/v_inspections", _facet="verdict")
    assert "facet-results" in page
    _, question = site.get("/qc/daily_yield", since="2020")
    assert "datasette_vega" in question or "datasette-vega" in question
    for body in (page, question):
        loaded = re.findall(r'<(?:script|img)[^>]+src="([^"]+)"|<link rel="stylesheet" href="([^"]+)"', body)
        assert loaded
        assert not [address for address in map("".join, loaded) if re.match(r"(https?:)?//", address)]
    _, home = site.get("/qc")
    assert "g.mark" in home


def test_it_stops_within_seconds_of_a_signal_though_a_question_runs(tmp_path):
    with station_store(tmp_path):
        pass
    running = Site(tmp_path)
    running.get("/")
    asker = threading.Thread(target=lambda: running.get("/qc.json", sql=ENDLESS), daemon=True)
    asker.start()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=15) == 0


def test_a_port_that_is_taken_is_one_line(site):
    port = int(site.address.rsplit(":", 1)[1])
    with pytest.raises(InputError, match=f"port {port}: Address already in use; expected a free one"):
        serve_history(database_url(site.folder / "qc.sqlite3"), "x", port, print)
