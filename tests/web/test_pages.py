"""The pages as a browser without JavaScript gets them: who sees what, and that nothing breaks them."""

import re
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from page_kit import HTML, LONG, PageOnTest, form_token, status_of_huge_body

from qc_daemon.domain.people import Role
from qc_daemon.web.rendering import PAGES

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
