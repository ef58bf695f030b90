"""The REST interface: what it gives, to whom, and that its description tells the whole truth."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from page_kit import PageOnTest, status_of_huge_body
from schemathesis.specs.openapi.checks import positive_data_acceptance

from qc_daemon.domain.people import Role
from storage.roll_orders import SqlRollOrderBook

ROLES = (None, *Role)


def headers(page: PageOnTest, role: Role | None) -> dict[str, str]:
    assert page.tokens is not None
    return {} if role is None else {"Authorization": f"Bearer {page.tokens[role]}"}


def api(page: PageOnTest, role: Role | None = Role.OPERATOR) -> httpx.Client:
    return httpx.Client(base_url=f"{page.address}/api/v1", headers=headers(page, role), timeout=20)


@pytest.fixture(scope="module")
def schema(page: PageOnTest) -> Any:
    return schemathesis.openapi.from_url(f"{page.address}/api/v1/openapi.json")


def fuzz(schema: Any, page: PageOnTest, examples: int) -> None:
    """Send drawn requests of every operation with the token of each role, and with none.

    That a drawn order is accepted is not asked for: no schema says that a label sums to 100 %.
    """
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        def answers_are_described(case: Any) -> None:
            for role in ROLES:
                answer = case.call(headers=headers(page, role))
                case.validate_response(
                    answer, headers=headers(page, role), excluded_checks=[positive_data_acceptance]
                )
                assert answer.status_code < 500
                assert (answer.status_code == 401) is (role is None)
                if role is Role.QA and case.method == "POST":
                    assert answer.status_code in (403, 422)

        answers_are_described()


def test_each_role_gets_only_answers_that_are_described(schema: Any, page: PageOnTest) -> None:
    fuzz(schema, page, examples=4)


@pytest.mark.slow
def test_each_role_gets_only_answers_that_are_described_at_length(schema: Any, page: PageOnTest) -> None:
    fuzz(schema, page, examples=200)


def every_inspection(client: httpx.Client) -> Iterator[int]:
    following: int | None = None
    while True:
        asked = {"limit": 17} | ({"before": following} if following else {})
        found = client.get("/inspections", params=asked).json()
        yield from (item["number"] for item in found["items"])
        following = found["next"]
        if following is None:
            return


def test_paging_gives_every_inspection_once(page: PageOnTest) -> None:
    with api(page) as client:
        numbers = list(every_inspection(client))
    assert numbers == list(range(page.parts.reader.newest() or 0, 0, -1))


def test_verdicts_are_followed_without_missing_one(page: PageOnTest) -> None:
    with api(page) as client:
        first = client.get("/verdicts", params={"limit": 40}).json()["items"]
        rest = client.get("/verdicts", params={"after": first[-1]["number"]}).json()["items"]
    numbers = [verdict["number"] for verdict in first + rest]
    assert numbers == list(range(1, (page.parts.reader.newest() or 0) + 1))
    assert {verdict["verdict"] for verdict in first} == {"PASS", "FAIL", "REFER"}


def test_an_inspection_says_why_and_its_report_is_the_stored_one(page: PageOnTest) -> None:
    with api(page, Role.QA) as client:
        found = client.get("/inspections/6").json()
        assert found["inspection"]["verdict"] == "REFER"
        assert found["reasons"] == ["The detector is saturated (peak at 99.5 % of full scale, limit 98.0 %)."]
        report = client.get("/inspections/6/report")
    assert report.headers["content-type"] == "application/pdf"
    assert report.content == (page.folder / "reports" / "6.pdf").read_bytes()


def test_an_order_is_kept_once_and_contradictions_are_refused(page: PageOnTest) -> None:
    order = {"order": "PO-77", "lot": "L0", "roll": "R0", "label": "cotton 60 polyester 40"}
    with api(page) as client:
        assert client.post("/roll-orders", json=order).status_code == 201
        assert client.post("/roll-orders", json=order).status_code == 201
        other = client.post("/roll-orders", json=order | {"label": "wool 100"})
        assert other.status_code == 409
        assert other.headers["content-type"] == "application/problem+json"
        assert (
            client.post("/roll-orders", json=order | {"order": "X", "label": "cotton 104"}).status_code == 422
        )
        kept = client.get("/roll-orders").json()["items"]
    assert [item["label"] for item in kept if item["order"] == "PO-77"] == ["cotton 60 polyester 40"]
    assert page.parts.reader.roll("L0", "R0").order is not None


def test_an_order_is_found_by_lot_and_roll_or_by_a_roll_that_only_one_lot_has(page: PageOnTest) -> None:
    with api(page) as client:
        for lot, roll in (("L8", "R80"), ("L8", "R81"), ("L9", "R81")):
            order = {"order": f"{lot}-{roll}", "lot": lot, "roll": roll, "label": "wool 100"}
            assert client.post("/roll-orders", json=order).status_code == 201
    book = SqlRollOrderBook(page.store.reading)
    asked = [("L8", "R81"), ("", "R80"), ("", "R81"), ("L7", "R80"), ("L8", "R82")]
    found = [book.order_for(*which) for which in asked]
    assert [order.order if order else None for order in found] == ["L8-R81", "L8-R80", None, None, None]


@pytest.mark.parametrize("token", ["x", "qc_" + "0" * 43, "Bearer", "\u00e9"])
def test_a_wrong_token_is_refused(page: PageOnTest, token: str) -> None:
    wrong = {"Authorization": f"Bearer {token}".encode()}
    answer = httpx.get(f"{page.address}/api/v1/health", headers=wrong)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_session_of_a_browser_is_no_token(page: PageOnTest) -> None:
    """Else another site could make a browser use the interface."""
    with page.client(Role.ADMIN) as browser:
        assert browser.get("/api/v1/health").status_code == 401


def test_qa_may_read_everything_and_change_nothing(page: PageOnTest) -> None:
    with api(page, Role.QA) as client:
        for path in (
            "/inspections",
            "/rolls",
            "/references",
            "/alarms",
            "/health",
            "/roll-orders",
            "/verdicts",
        ):
            assert client.get(path).status_code == 200
        refused = client.post("/alarms/acknowledge", json={"code": "camera", "why": "looking"})
        assert refused.status_code == 403
        assert refused.json()["detail"] == "Your role may not do this"


def test_a_body_of_100_mb_is_refused_unread(page: PageOnTest) -> None:
    token = headers(page, Role.OPERATOR)["Authorization"]
    assert b" 413 " in status_of_huge_body(page.address, "/api/v1/roll-orders", authorization=token)
