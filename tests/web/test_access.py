"""Who gets in, who may do what, and what is on record afterwards."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from page_kit import CONSOLE, PageOnTest, a_page, form_token, log_in
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from qc_daemon.domain.people import Role, SignatureMeaning
from qc_daemon.domain.requests import (
    NOBODY,
    AcknowledgeAlarm,
    ActivateModel,
    AddPerson,
    AnswerKind,
    ChangePassword,
    Credential,
    CredentialKind,
    DisablePerson,
    IssueToken,
    LogIn,
    OrderRoll,
    ResetPassword,
    RevokeToken,
    SetUp,
    Sign,
)
from storage.ledger_tables import LedgerRow
from storage.people_tables import UserRow

PASSWORD = "a long enough one"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[PageOnTest]:
    """The page of a station that nobody has used yet."""
    with a_page(tmp_path / "station", with_history=False) as page:
        yield page


def ledger(page: PageOnTest) -> list[tuple[str, str, str]]:
    with page.store.reading() as session:
        rows = session.scalars(select(LedgerRow).order_by(LedgerRow.sequence))
        return [(row.kind, row.subject, row.actor) for row in rows]


def session_of(page: PageOnTest, name: str, password: str) -> Credential:
    return Credential(CredentialKind.SESSION, page.asked(LogIn(name, password), NOBODY))


def test_the_first_admin_is_made_once_with_the_token_of_the_console(fresh: PageOnTest) -> None:
    token = fresh.desk.first_token()
    assert fresh.desk.ask(NOBODY, SetUp("guess", "Wei", PASSWORD)).code == "wrong_token"
    with httpx.Client(base_url=fresh.address, follow_redirects=True) as client:
        setup = client.get("/")
        assert setup.url.path == "/setup"
        data = {"token": form_token(setup.text), "first_token": token, "name": "Wei", "password": PASSWORD}
        assert client.post("/setup", data=data).url.path == "/"
    assert fresh.desk.first_token() == ""
    assert fresh.desk.ask(NOBODY, SetUp(token, "Eve", PASSWORD)).code == "set_up_already"
    assert ("person_added", "Wei", "console") in ledger(fresh)


def test_a_session_has_a_careful_cookie_and_ends_with_logging_out(page: PageOnTest) -> None:
    assert page.passwords is not None
    with page.client(None) as client:
        answer = log_in(client, "qa", page.passwords[Role.QA])
        cookie = next(value for value in answer.headers.get_list("set-cookie") if "qc_session" in value)
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        kept = dict(client.cookies)
        token = form_token(client.get("/").text)
        assert client.post("/logout", data={"token": token}).status_code == 303
        again = httpx.get(page.address + "/", cookies={"qc_session": kept["qc_session"]})
        assert again.status_code == 303


def test_an_edited_cookie_belongs_to_nobody(page: PageOnTest) -> None:
    with page.client(Role.ADMIN) as client:
        secret = client.cookies["qc_session"]
    for edited in (secret[:-1] + "x", secret.upper(), "", "admin", "\u00e9", "' OR 1=1 --"):
        cookie = f"qc_session={edited}".encode()
        assert httpx.get(page.address + "/", headers={"Cookie": cookie}).status_code == 303  # type: ignore[dict-item]


def test_a_form_from_elsewhere_changes_nothing(page: PageOnTest) -> None:
    with page.client(Role.ADMIN) as client:
        token = form_token(client.get("/account").text)
        data = {"token": "0" * 64, "name": "Eve", "role": "admin"}
        assert client.post("/people/add", data=data).status_code == 403
        foreign = {"Origin": "http://evil.example"}
        assert client.post("/people/add", data=data | {"token": token}, headers=foreign).status_code == 403
        assert client.post("/people/add", data={"name": "Eve", "role": "admin"}).status_code == 422
    assert "Eve" not in [person.name for person in page.parts.reader.people()]


def test_a_thousand_wrong_passwords_meet_growing_waits_and_the_right_person_still_gets_in(
    fresh: PageOnTest,
) -> None:
    password = fresh.asked(AddPerson("Wei", Role.OPERATOR))
    answers = [fresh.desk.ask(NOBODY, LogIn("Wei", f"wrong {n}")) for n in range(1000)]
    assert {answer.kind for answer in answers} == {AnswerKind.UNKNOWN, AnswerKind.LOCKED}
    assert sum(answer.kind is AnswerKind.UNKNOWN for answer in answers) <= 8
    assert fresh.desk.ask(NOBODY, LogIn("Wei", password)).kind is AnswerKind.LOCKED
    reset = fresh.asked(ResetPassword("Wei"))
    assert fresh.desk.ask(NOBODY, LogIn("Wei", reset)).kind is AnswerKind.DONE


def test_nobody_learns_which_names_exist(fresh: PageOnTest) -> None:
    fresh.asked(AddPerson("Wei", Role.OPERATOR))
    assert fresh.desk.ask(NOBODY, LogIn("Wei", "x")) == fresh.desk.ask(NOBODY, LogIn("Nobody", "x"))


ASKED = [
    AcknowledgeAlarm("camera", "", "looking"),
    OrderRoll("O-1", "L9", "R9", "cotton 100"),
    ActivateModel("isic-net-1", "0" * 64, "try"),
    Sign(1, "none", SignatureMeaning.APPROVED, "wrong"),
    AddPerson("Eve", Role.ADMIN),
    ResetPassword("admin"),
    DisablePerson("admin", True),
    IssueToken("eve", Role.ADMIN),
    RevokeToken("mes-qa"),
]
MAY = {
    Role.OPERATOR: {"AcknowledgeAlarm", "OrderRoll"},
    Role.QA: set(),
    Role.ENGINEER: {"AcknowledgeAlarm", "OrderRoll", "ActivateModel", "Sign"},
}


@pytest.mark.parametrize("role", MAY)
def test_the_desk_itself_refuses_what_a_role_may_not(page: PageOnTest, role: Role) -> None:
    """Also where the page would have let it through."""
    assert page.passwords is not None
    credential = session_of(page, role.value, page.passwords[role])
    for request in ASKED:
        name = type(request).__name__
        if name not in MAY[role]:
            assert page.desk.ask(credential, request).code == "forbidden", name
        assert page.desk.ask(NOBODY, request).code == "not_logged_in", name


def test_the_connection_of_the_page_cannot_write(page: PageOnTest) -> None:
    reader = page.parts.reader._reader  # type: ignore[attr-defined]
    for statement in ("DELETE FROM users", "INSERT INTO roll_orders DEFAULT VALUES", "DROP TABLE ledger"):
        with (
            pytest.raises((DBAPIError, Exception), match=r"readonly|read-only|query_only"),
            reader.reading() as session,
        ):
            session.execute(text(statement))
    with page.store.reading() as session:
        assert session.scalar(select(UserRow.id).limit(1)) is not None


def test_a_disabled_person_is_out_at_once(fresh: PageOnTest) -> None:
    password = fresh.asked(AddPerson("Wei", Role.OPERATOR))
    with fresh.client(None) as client:
        log_in(client, "Wei", password)
        assert client.get("/health").status_code == 200
        fresh.asked(DisablePerson("Wei", True))
        assert client.get("/health").status_code == 303
    assert fresh.desk.ask(NOBODY, LogIn("Wei", password)).code == "wrong_password"
    assert ("person_disabled", "Wei", "console:tester") in ledger(fresh)


def test_a_changed_password_ends_all_sessions(fresh: PageOnTest) -> None:
    password = fresh.asked(AddPerson("Wei", Role.OPERATOR))
    first, second = (session_of(fresh, "Wei", password) for _ in range(2))
    assert fresh.desk.ask(first, ChangePassword("wrong", PASSWORD)).code == "wrong_password"
    assert fresh.desk.ask(first, ChangePassword(password, "short")).code == "unfit_password"
    assert fresh.desk.ask(first, ChangePassword(password, PASSWORD)).kind is AnswerKind.DONE
    assert fresh.desk.ask(second, ChangePassword(PASSWORD, password)).code == "not_logged_in"
    fresh.asked(LogIn("Wei", PASSWORD), NOBODY)


def test_a_clock_set_back_a_day_neither_shuts_people_out_nor_shows_nonsense(fresh: PageOnTest) -> None:
    password = fresh.asked(AddPerson("Wei", Role.OPERATOR))
    fresh.inspect(0)
    with fresh.client(None) as client:
        log_in(client, "Wei", password)
        fresh.clock.offset = timedelta(days=-1)
        live = client.get("/")
        assert live.status_code == 200
        assert "the clock was set back" in live.text
        assert 'data-age="-' not in live.text
        fresh.clock.offset = timedelta(days=1)
        assert client.get("/").status_code == 303


def test_of_two_people_who_take_on_one_alarm_the_second_hears_of_the_first(fresh: PageOnTest) -> None:
    passwords = {name: fresh.asked(AddPerson(name, Role.OPERATOR)) for name in ("Li", "Wei")}
    fresh.alarms.raise_alarm("camera", "no new frame")
    with fresh.client(None) as li, fresh.client(None) as wei:
        for client, name in ((li, "Li"), (wei, "Wei")):
            log_in(client, name, passwords[name])
        forms = {
            client: {"token": form_token(client.get("/alarms").text), "code": "camera", "subject": ""}
            for client in (li, wei)
        }
        nothing = li.post("/alarms/acknowledge", data=forms[li] | {"why": "  "})
        assert nothing.status_code == 422
        assert li.post("/alarms/acknowledge", data=forms[li] | {"why": "on my way"}).status_code == 303
        second = wei.post("/alarms/acknowledge", data=forms[wei] | {"why": "me too"})
        assert second.status_code == 409
        assert "Li" in second.text
    (alarm,) = fresh.parts.reader.active_alarms()
    assert (alarm.acknowledged_by, alarm.acknowledged_why) == ("Li", "on my way")


def test_a_signature_needs_the_password_and_the_conclusion_that_was_read(fresh: PageOnTest) -> None:
    password = fresh.asked(AddPerson("Wei", Role.ENGINEER))
    number = fresh.inspect(0)
    wei = session_of(fresh, "Wei", password)
    sheet = fresh.parts.reader.inspection(number)
    read = sheet.line.conclusion_id or ""
    approved = SignatureMeaning.APPROVED
    assert fresh.desk.ask(wei, Sign(number, read, approved, "wrong")).code == "wrong_password"
    assert fresh.desk.ask(wei, Sign(number, "older", approved, password)).code == "other_conclusion"
    assert fresh.desk.ask(wei, Sign(number, read, approved, password)).kind is AnswerKind.DONE
    (signature,) = fresh.parts.reader.inspection(number).signatures
    assert (signature.who, signature.meaning) == ("Wei", approved)
    assert any(kind == "signature" and actor == "Wei" for kind, _, actor in ledger(fresh))


def test_what_a_page_changes_is_on_record_with_who_did_it(fresh: PageOnTest) -> None:
    fresh.asked(IssueToken("mes", Role.OPERATOR))
    fresh.asked(OrderRoll("O-1", "L9", "R9", "cotton 100"))
    assert fresh.desk.ask(CONSOLE, OrderRoll("O-1", "L9", "R9", "cotton 100")).kind is AnswerKind.DONE
    assert fresh.desk.ask(CONSOLE, OrderRoll("O-1", "L9", "R9", "wool 100")).code == "other_order"
    fresh.asked(RevokeToken("mes"))
    kinds = [kind for kind, _, actor in ledger(fresh) if actor == "console:tester"]
    assert kinds == ["token_issued", "roll_order", "token_revoked"]
