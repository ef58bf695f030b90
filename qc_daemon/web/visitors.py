"""Who looks at the page, in which language; cookies, and proof that a form is ours."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.responses import Response

from qc_daemon.domain.people import Actor, Right, secret_sha256
from qc_daemon.domain.requests import NOBODY, Credential, CredentialKind
from qc_daemon.web.parts import Language, Parts

SESSION_COOKIE, LANGUAGE_COOKIE, FORM_COOKIE = "qc_session", "qc_language", "qc_form"
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who looks at the page; `actor` is None before they log in."""

    actor: Actor | None
    language: Language
    credential: Credential
    form_token: str

    def may(self, right: Right) -> bool:
        """Tell whether the visitor may do something beyond reading."""
        return self.actor is not None and self.actor.may(right)


class NotLoggedIn(Exception):
    """The visitor must log in first."""


class ForeignForm(Exception):
    """A form did not come from one of our pages."""


def parts_of(request: Request) -> Parts:
    """Return what the application works with."""
    return cast("Parts", request.app.state.parts)


def visitor_of(request: Request) -> Visitor:
    """Return who sends a request. A cookie that was edited belongs to nobody."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    parts = parts_of(request)
    actor = parts.people.of_session(secret_sha256(secret), parts.clock.now()) if secret else None
    credential = Credential(CredentialKind.SESSION, secret) if actor else NOBODY
    token = form_token(secret) if actor else request.cookies.get(FORM_COOKIE, "")
    return Visitor(actor, language_of(request), credential, token)


def known_visitor(request: Request) -> Visitor:
    """Return who sends a request.

    Raises:
        NotLoggedIn: nobody known.
    """
    visitor = visitor_of(request)
    if visitor.actor is None:
        raise NotLoggedIn
    return visitor


def language_of(request: Request) -> Language:
    """Return the language that was chosen, else that of the browser, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in ("zh", "en"):
        return cast("Language", chosen)
    preferred = request.headers.get("accept-language", "").split(",")[0].strip().lower()
    return "zh" if preferred.startswith("zh") else "en"


def require_own_form(request: Request, visitor: Visitor, token: str) -> None:
    """Refuse what another site made a browser send.

    Raises:
        ForeignForm: the token is not that of the visitor, or the request comes from elsewhere.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForeignForm
    if not visitor.form_token or not hmac.compare_digest(visitor.form_token.encode(), token.encode()):
        raise ForeignForm


def set_session(response: Response, secret: str, parts: Parts) -> None:
    """Give the browser the secret of its session."""
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(parts.session_s),
        httponly=True,
        samesite="strict",
        secure=parts.secure,
    )


def set_form_cookie(response: Response, token: str, secure: bool) -> None:
    """Give a browser without a session what its first form must send back."""
    response.set_cookie(FORM_COOKIE, token, httponly=True, samesite="strict", secure=secure)


def set_language(response: Response, language: Language, secure: bool) -> None:
    """Remember the language that was chosen."""
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=_YEAR_S, httponly=True, samesite="lax", secure=secure
    )


def local_path(path: str) -> str:
    """Return a path of this site, or that of the first page for anything else."""
    parsed = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parsed.netloc
    return quote(path, safe="/?&=%+-_.~:,") if ours else "/"


def form_token(session_secret: str) -> str:
    """Return what forms of a session carry; the secret cannot be found from it."""
    return hmac.new(session_secret.encode(errors="replace"), b"form", hashlib.sha256).hexdigest()
