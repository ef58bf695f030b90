"""Who may use the station: first set-up, log in and out, one's account, and what an admin does."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from qc_daemon.domain.people import SHORTEST_PASSWORD, Right, Role
from qc_daemon.domain.requests import (
    NOBODY,
    AddPerson,
    Answer,
    AnswerKind,
    ChangePassword,
    DisablePerson,
    IssueToken,
    LogIn,
    LogOut,
    ResetPassword,
    RevokeToken,
    SetUp,
)
from qc_daemon.domain.requests import Request as DeskRequest
from qc_daemon.web.answers import STATUS_OF
from qc_daemon.web.parts import Language
from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import (
    SESSION_COOKIE,
    Visitor,
    known_visitor,
    local_path,
    parts_of,
    require_own_form,
    set_form_cookie,
    set_language,
    set_session,
    visitor_of,
)

router = APIRouter(include_in_schema=False)

Anyone = Annotated[Visitor, Depends(visitor_of)]
Known = Annotated[Visitor, Depends(known_visitor)]
Text = Annotated[str, Form()]

_FORBIDDEN = Answer(AnswerKind.FORBIDDEN, "forbidden")


@router.get("/login")
def login_page(request: Request, visitor: Anyone, to: str = "/") -> Response:
    """Ask who is there; on a new station ask for the first admin."""
    if not parts_of(request).people.any_person():
        return RedirectResponse("/setup", 303)
    return _door(request, visitor, "login.html", to=local_path(to))


@router.post("/login")
def log_in(
    request: Request, visitor: Anyone, token: Text, name: Text, password: Text, to: Text = "/"
) -> Response:
    """Open a session."""
    require_own_form(request, visitor, token)
    answer = parts_of(request).desk.ask(NOBODY, LogIn(name, password))
    if answer.kind is AnswerKind.DONE:
        return _let_in(request, answer, local_path(to))
    return _door(request, visitor, "login.html", answer, to=local_path(to))


@router.post("/logout")
def log_out(request: Request, visitor: Known, token: Text) -> Response:
    """Close the session."""
    require_own_form(request, visitor, token)
    parts_of(request).desk.ask(visitor.credential, LogOut())
    response = RedirectResponse("/login", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.get("/setup")
def setup_page(request: Request, visitor: Anyone, token: str = "") -> Response:
    """Ask for the token of the console and the first admin."""
    if parts_of(request).people.any_person():
        return RedirectResponse("/login", 303)
    return _door(request, visitor, "setup.html", first_token=token, shortest=SHORTEST_PASSWORD)


@router.post("/setup")
def set_up(
    request: Request, visitor: Anyone, token: Text, first_token: Text, name: Text, password: Text
) -> Response:
    """Make the first admin, and let them in."""
    require_own_form(request, visitor, token)
    answer = parts_of(request).desk.ask(NOBODY, SetUp(first_token, name, password))
    if answer.kind is AnswerKind.DONE:
        return _let_in(request, answer, "/")
    return _door(request, visitor, "setup.html", answer, first_token=first_token, shortest=SHORTEST_PASSWORD)


@router.get("/language/{language}")
def choose_language(request: Request, language: Language, to: str = "/") -> Response:
    """Remember a language and go back."""
    response = RedirectResponse(local_path(to), 303)
    set_language(response, language, parts_of(request).secure)
    return response


@router.get("/account")
def account(request: Request, visitor: Known) -> Response:
    """Show who one is to the station."""
    return page(request, visitor, "account.html", shortest=SHORTEST_PASSWORD)


@router.post("/account/password")
def change_password(request: Request, visitor: Known, token: Text, old: Text, new: Text) -> Response:
    """Give oneself another password."""
    require_own_form(request, visitor, token)
    answer = parts_of(request).desk.ask(visitor.credential, ChangePassword(old, new))
    if answer.kind is AnswerKind.DONE:
        return RedirectResponse("/login", 303)
    status = STATUS_OF[answer.kind]
    return page(request, visitor, "account.html", status, answer, shortest=SHORTEST_PASSWORD)


@router.get("/people")
def people(request: Request, visitor: Known) -> Response:
    """Show everybody who may log in, and the tokens of programs."""
    return _people_page(request, visitor, None if visitor.may(Right.MANAGE_PEOPLE) else _FORBIDDEN)


@router.post("/people/add")
def add(request: Request, visitor: Known, token: Text, name: Text, role: Annotated[Role, Form()]) -> Response:
    """Add a person; the first password is shown once."""
    return _change_people(request, visitor, token, AddPerson(name, role))


@router.post("/people/reset")
def reset(request: Request, visitor: Known, token: Text, name: Text) -> Response:
    """Give a person a new password, shown once."""
    return _change_people(request, visitor, token, ResetPassword(name))


@router.post("/people/disable")
def disable(
    request: Request, visitor: Known, token: Text, name: Text, disabled: Annotated[bool, Form()]
) -> Response:
    """Let a person in no more, or again."""
    return _change_people(request, visitor, token, DisablePerson(name, disabled))


@router.post("/people/issue")
def issue(
    request: Request, visitor: Known, token: Text, name: Text, role: Annotated[Role, Form()]
) -> Response:
    """Issue a token, shown once."""
    return _change_people(request, visitor, token, IssueToken(name, role))


@router.post("/people/revoke")
def revoke(request: Request, visitor: Known, token: Text, name: Text) -> Response:
    """End a token."""
    return _change_people(request, visitor, token, RevokeToken(name))


def _change_people(request: Request, visitor: Visitor, token: str, asked: DeskRequest) -> Response:
    require_own_form(request, visitor, token)
    return _people_page(request, visitor, parts_of(request).desk.ask(visitor.credential, asked))


def _people_page(request: Request, visitor: Visitor, answer: Answer | None) -> Response:
    refused = answer if answer and answer.kind is not AnswerKind.DONE else None
    allowed = visitor.may(Right.MANAGE_PEOPLE)
    reader = parts_of(request).reader
    return page(
        request, visitor, "people.html", STATUS_OF[refused.kind] if refused else 200, refused,
        people=reader.people() if allowed else (),
        tokens=reader.tokens() if allowed else (),
        secret=answer.secret if answer else "",
        roles=tuple(Role),
    )  # fmt: skip


def _door(
    request: Request, visitor: Visitor, template: str, refused: Answer | None = None, **context: object
) -> Response:
    """Return a page for who is not known yet, with a token for its form."""
    fresh = visitor.form_token or secrets.token_urlsafe(32)
    seen = Visitor(None, visitor.language, NOBODY, fresh)
    status = STATUS_OF[refused.kind] if refused else 200
    response = page(request, seen, template, status, refused, **context)
    set_form_cookie(response, fresh, parts_of(request).secure)
    return response


def _let_in(request: Request, answer: Answer, to: str) -> Response:
    response = RedirectResponse(to, 303)
    set_session(response, answer.secret, parts_of(request))
    return response
