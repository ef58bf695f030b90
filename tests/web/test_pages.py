"""The pages as a browser without JavaScript gets them: who sees what, and that nothing breaks them."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from builders_storage import composition
from page_kit import HTML, LONG, PageOnTest, form_token, status_of_huge_body
from sqlalchemy import Engine, event

from models.parity import PARITY_TOLERANCE, OutputParity, Parity
from qc_daemon.domain.corrections import CorrectedField, Correction
from qc_daemon.domain.page import InspectionFilter
from qc_daemon.domain.people import Role
from qc_daemon.web.rendering import PAGES, render
from qc_daemon.wiring.parity_record import keep_parity

ALL_PAGES = [address for address, _ in PAGES] + [
    "/inspections/3", "/roll?lot=L0&roll=R1", "/account", "/inspections?verdict=UNDECIDED",
]  # fmt: skip


@pytest.fixture(scope="module")
def admin(page: PageOnTest) -> Iterator[httpx.Client]:
    with page.client(Role.ADMIN) as client:
        yield client


@pytest.mark.parametrize("address", ALL_PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_opens_in_both_languages(admin: httpx.Client, address: str, language: str) -> None:
    admin.get(f"/language/{language}")
    answer = admin.get(address)
    assert answer.status_code == 200, answer.text
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in answer.text
    assert "{" not in re.sub(r"<meta name=.htmx-config.*", "", answer.text), "a field was not filled in"


def test_no_page_is_shown_before_login(page: PageOnTest) -> None:
    with page.client(None) as client:
        for address in [*ALL_PAGES, "/people", "/events", "/inspections/3/micrograph.jpg"]:
            assert client.get(address).status_code in (303, 401), address


def test_html_in_a_name_is_shown_and_never_run(admin: httpx.Client) -> None:
    shown = admin.get("/inspections").text
    assert HTML not in shown
    assert "&lt;script&gt;" in shown
    assert LONG in shown


def test_names_with_signs_lead_to_their_roll(admin: httpx.Client) -> None:
    link = re.search(r'href="(/roll\?lot=L/1[^"]+)"', admin.get("/inspections").text.replace("%2F", "/"))
    assert link is not None
    roll = admin.get("/roll", params={"lot": "L/1 & co", "roll": "R?1"})
    assert roll.status_code == 200
    assert "L/1 &amp; co" in roll.text


def test_the_list_goes_back_page_by_page_without_gaps(admin: httpx.Client) -> None:
    seen: list[int] = []
    address = "/inspections"
    while address:
        html = admin.get(address).text
        seen += [int(number) for number in re.findall(r'<a href="/inspections/(\d+)">', html)]
        older = re.search(r'rel="next" href="([^"]+)"', html)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) >= 62


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "REFER"])
def test_the_filter_shows_only_what_it_names(admin: httpx.Client, page: PageOnTest, verdict: str) -> None:
    numbers = re.findall(
        r'<a href="/inspections/(\d+)">', admin.get("/inspections", params={"verdict": verdict}).text
    )
    assert numbers
    outcomes = {page.store.load_conclusion(int(number)).verdict.outcome.value for number in numbers}
    assert outcomes == {verdict}


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "before=-1",
        "before=99999999999999999999999",
        "until=9999-12-31",
        "verdict=MAYBE",
        "lot=%00",
    ],
)
def test_a_filter_that_cannot_be_read_is_ignored(admin: httpx.Client, query: str) -> None:
    assert admin.get(f"/inspections?{query}").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/inspections/999",
        "/inspections/99999999999999999999999",
        "/roll?lot=none",
        "/nothing",
        "/inspections/3/reports/x.pdf",
    ],
)
def test_what_does_not_exist_is_said_so(admin: httpx.Client, address: str) -> None:
    answer = admin.get(address)
    assert answer.status_code == 404
    assert "<h1>" in answer.text


@pytest.mark.parametrize(
    "address",
    [
        "/inspections/3/reports/..%2f..%2fqc.sqlite3",
        "/inspections/3/reports/../../../qc.sqlite3",
        "/static/..%2f..%2fapp.py",
        "/static/../../../etc/passwd",
        "/static/%2e%2e/app.py",
    ],
)
def test_no_path_leads_out_of_what_is_served(page: PageOnTest, admin: httpx.Client, address: str) -> None:
    raw = httpx.Request("GET", page.address + "/", cookies=admin.cookies)
    raw.url = raw.url.copy_with(raw_path=address.encode())
    assert admin.send(raw).status_code in (303, 404, 422)


def test_a_certificate_is_downloaded_whole_and_refused_once_altered(page: PageOnTest) -> None:
    number = page.inspect(1, id="S-altered", lot="LX", roll="RX")
    (stored,) = page.parts.reader.inspection(number).reports
    with page.client(Role.QA) as qa:
        address = f"/inspections/{number}/reports/{stored.sha256}.pdf"
        answer = qa.get(address)
        assert answer.headers["content-type"] == "application/pdf"
        file = page.folder / "reports" / f"{number}.pdf"
        assert answer.content == file.read_bytes()
        file.write_bytes(answer.content + b" ")
        assert qa.get(address).status_code == 404
        file.unlink()
        assert qa.get(address).status_code == 404


def test_a_page_carries_the_headers_that_keep_browsers_careful(admin: httpx.Client) -> None:
    headers = admin.get("/").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_a_body_of_100_mb_is_refused_unread(page: PageOnTest, admin: httpx.Client) -> None:
    assert b" 413 " in status_of_huge_body(page.address, "/alarms/acknowledge")
    chunks = (bytes(1024 * 1024) for _ in range(100))  # without saying how much will come
    with suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):  # hanging up is a refusal
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert admin.post("/alarms/acknowledge", content=chunks, headers=form).status_code == 413
    assert admin.get("/health").status_code == 200


def test_roles_see_only_the_forms_that_they_may_send(page: PageOnTest) -> None:
    for role, acknowledges, signs, manages in (
        (Role.OPERATOR, True, False, False),
        (Role.QA, False, False, False),
        (Role.ENGINEER, True, True, False),
        (Role.ADMIN, True, True, True),
    ):
        with page.client(role) as client:
            assert ('action="/alarms/acknowledge"' in client.get("/alarms").text) is acknowledges
            assert ('/signatures"' in client.get("/inspections/3").text) is signs
            assert (client.get("/people").status_code == 200) is manages
            assert form_token(client.get("/account").text)


def test_the_last_comparison_of_a_models_runtimes_is_shown(admin: httpx.Client, page: PageOnTest) -> None:
    (active,) = [sheet for sheet in page.parts.models() if sheet.active]
    admin.get("/language/en")
    assert "largest difference" not in admin.get("/models").text
    for difference, sign in ((3e-7, "✔"), (2e-3, "✖")):
        outputs = (OutputParity("shares", difference, 1e-8, 1e-8),)
        parity = Parity(outputs, 9, "MindSpore 2.8", "ONNX Runtime 1.2", 5.0, 1.0)
        keep_parity(page.folder, active.digest, parity, PARITY_TOLERANCE, page.clock.now())
        assert f"{sign} largest difference {difference:.1e} (allowed 1e-05)" in admin.get("/models").text
    (page.folder / "parity" / f"{active.digest}.json").write_text("{", encoding="utf-8")
    assert "largest difference" not in admin.get("/models").text


def test_lists_find_an_inspection_by_what_it_is_called_now(admin: httpx.Client, page: PageOnTest) -> None:
    number = page.inspect(1, id="S-swapped", lot="L-read", roll="R-read", position_m=4.0)
    for field, value in (
        (CorrectedField.LOT, "L-right"),
        (CorrectedField.ROLL, "R-right"),
        (CorrectedField.SPECIMEN, "S-right"),
    ):
        page.store.add_correction(
            Correction(number, field, value, "Li Na", "roll card swapped", page.clock.now())
        )
    reader = page.parts.reader
    assert reader.inspections(InspectionFilter(lot="L-read"), None, 9) == ()
    (line,) = reader.inspections(InspectionFilter("L-right", "R-right", line_verdict(page, number)), None, 9)
    assert (line.number, line.specimen) == (number, "S-right")
    assert (reader.rolls(None, 1)[0].lot, reader.rolls(None, 1)[0].roll) == ("L-right", "R-right")
    assert f"/inspections/{number}" in admin.get("/roll?lot=L-right&roll=R-right").text
    assert admin.get("/roll?lot=L-read&roll=R-read").status_code == 404


def line_verdict(page: PageOnTest, number: int) -> str:
    return page.store.load_conclusion(number).verdict.outcome.value


def test_a_filter_of_days_goes_back_without_gaps_also_over_a_clock_set_back(page: PageOnTest) -> None:
    first = page.inspect(1, id="S-before")
    page.clock.offset -= timedelta(days=3)
    try:
        page.inspect(1, id="S-set-back")
    finally:
        page.clock.offset = timedelta()
    which = InspectionFilter(since=page.clock.now() - timedelta(days=9))
    whole = page.parts.reader.inspections(which, None, 500)
    assert [line.accepted_at for line in whole] == sorted((line.accepted_at for line in whole), reverse=True)
    walked, before = [], None
    while page_of := page.parts.reader.inspections(which, before, 7):
        walked += page_of
        before = page_of[-1].number
    assert walked == list(whole)
    assert first in [line.number for line in walked]


def test_a_long_roll_asks_the_database_no_more_often_than_a_short_one(page: PageOnTest) -> None:
    page.inspect(3, id="S-alone", lot="L-short", roll="R1")
    for seed in range(6):
        page.inspect(seed, id=f"S-long-{seed}", lot="L-long", roll="R1", position_m=seed)
    short, long = (queries_of(page, lot) for lot in ("L-short", "L-long"))
    assert short == long > 0


def queries_of(page: PageOnTest, lot: str) -> int:
    """Return how many statements the page of a roll sends."""
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        page.parts.reader.roll(lot, "R1")
        page.parts.judge_roll(lot, "R1")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    return len(seen)


def test_a_roll_too_long_for_its_map_says_what_is_left_out(
    admin: httpx.Client, page: PageOnTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.page_reader._MAP_INSPECTIONS", 4)
    monkeypatch.setattr("qc_daemon.web.rolls._MARKS", 1)
    admin.get("/language/en")
    roll = page.parts.reader.roll("L0", "R0")
    shown = admin.get("/roll?lot=L0&roll=R0").text
    assert f"The map shows the newest 4 of {roll.line.inspections} inspections" in shown
    assert f"The map shows the newest 1 of {len(roll.marks)} defects" in shown


def test_shares_without_cleaning_stand_beside_those_with_where_debris_was_filled(
    admin: httpx.Client, page: PageOnTest
) -> None:
    uncleaned = composition(47.3).shares
    filled = page.inspect(1, {"uncleaned": uncleaned}, id="S-filled", lot="L-filled")
    clean = page.inspect(1, id="S-clean", lot="L-filled")
    admin.get("/language/en")
    shown = admin.get(f"/inspections/{filled}").text
    assert "Uncleaned %" in shown
    assert '<td class="figure">47.3</td>' in shown
    assert "Uncleaned" not in admin.get(f"/inspections/{clean}").text
    admin.get("/language/zh")
    assert "未清理 %" in admin.get(f"/inspections/{filled}").text
    admin.get("/language/en")


@pytest.mark.parametrize(
    ("alarms", "said"), [([], "0 alarms"), (["one"], "1 alarm<"), (["a", "b"], "2 alarms")]
)
def test_one_alarm_is_not_called_alarms(page: PageOnTest, alarms: list[str], said: str) -> None:
    assert said in render(page.parts, "en", "bar.html", status={"state": "running", "alarms": alarms})


def test_who_joins_later_hears_how_long_ago_it_was_drawn(page: PageOnTest) -> None:
    with page.client(Role.QA) as client, client.stream("GET", "/events?live=true") as first:
        lines = first.iter_lines()
        assert late_s(lines) < 1.5
        assert any(line == "event: tick" for line in lines)  # nothing changed for 2 s
        with client.stream("GET", "/events?live=true") as second:
            assert late_s(second.iter_lines()) >= 1.5


def late_s(lines: Iterator[str]) -> float:
    """Return what the next event of the live page says of its age, seconds."""
    found = next(found for line in lines if (found := re.search(r'data-late="([\d.]+)"', line)))
    return float(found[1])
