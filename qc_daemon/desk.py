"""The desk: hears what people and programs ask of the station, and has it done if they may.

It runs in the daemon, the only process that writes. Whoever asks proves who they are with each request; the
page is not trusted to say so.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from qc_daemon.domain.errors import InputError, LabelError, QcError, Unavailable
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.people import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    Actor,
    PeopleBook,
    Right,
    Role,
    RollOrder,
    Signature,
    secret_sha256,
)
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.requests import (
    DONE,
    AcknowledgeAlarm,
    ActivateModel,
    AddPerson,
    Answer,
    AnswerKind,
    ChangePassword,
    Credential,
    CredentialKind,
    DisablePerson,
    EscalateAlarm,
    IssueToken,
    LogIn,
    LogOut,
    OrderRoll,
    Request,
    ResetPassword,
    RevokeToken,
    SetUp,
    Sign,
)
from qc_daemon.lockout import Lockout

log = structlog.get_logger()

_LONGEST_TEXT = 500
_SECRET_BYTES = 32

NOBODY_KNOWN = Answer(AnswerKind.UNKNOWN, "not_logged_in")
FORBIDDEN = Answer(AnswerKind.FORBIDDEN, "forbidden")


class AlarmBook(Protocol):
    """Takes down who does what about an alarm."""

    def acknowledge_alarm(self, code: str, subject: str, who: str, why: str) -> str:
        """Record who takes an alarm on; return "", or who did so before; `InputError` if none is active."""
        ...

    def escalate_alarm(self, code: str, subject: str, who: str, why: str) -> None:
        """Record that somebody calls for more help; `InputError` if no such alarm is active."""
        ...


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """How long a session lasts."""

    session: timedelta


class FrontDesk:
    """Does what may be done; implements the port Desk. One request at a time."""

    def __init__(
        self,
        people: PeopleBook,
        alarms: AlarmBook,
        activate: Callable[[ActivateModel, str], None],
        clock: Clock,
        settings: DeskSettings,
    ) -> None:
        self._people = people
        self._alarms = alarms
        self._activate = activate
        self._clock = clock
        self._settings = settings
        self._hasher = PasswordHasher()
        # Compared with where there is no such person, so that the time taken does not tell who exists.
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe(_SECRET_BYTES))
        self._lockout = Lockout(clock.monotonic_s)
        self._first_token = ""
        self._handlers: dict[type, tuple[Right, Callable[[Actor, Any], Answer]]] = {
            AcknowledgeAlarm: (Right.TAKE_ON_ALARMS, self._acknowledge),
            EscalateAlarm: (Right.TAKE_ON_ALARMS, self._escalate),
            ActivateModel: (Right.ACTIVATE_MODELS, self._activate_model),
            OrderRoll: (Right.ORDER_ROLLS, self._order_roll),
            Sign: (Right.SIGN, self._sign),
            AddPerson: (Right.MANAGE_PEOPLE, self._add_person),
            ResetPassword: (Right.MANAGE_PEOPLE, self._reset_password),
            DisablePerson: (Right.MANAGE_PEOPLE, self._disable_person),
            IssueToken: (Right.MANAGE_PEOPLE, self._issue_token),
            RevokeToken: (Right.MANAGE_PEOPLE, self._revoke_token),
        }

    def first_token(self) -> str:
        """Return the one-time token for the first admin; empty if somebody is known already."""
        if not self._first_token and not self._people.any_person():
            self._first_token = secrets.token_urlsafe(18)
        return self._first_token

    def ask(self, credential: Credential, request: Request) -> Answer:
        """Have a request done, or hear why not."""
        try:
            answer = self._answer(credential, request)
        except Unavailable as error:
            log.warning("request not done", request=type(request).__name__, error=str(error))
            return Answer(AnswerKind.UNAVAILABLE, "unavailable", str(error))
        except QcError as error:
            return Answer(AnswerKind.INVALID, "invalid", str(error))
        if answer.kind is not AnswerKind.DONE:
            log.warning("request refused", request=type(request).__name__, why=answer.code)
        return answer

    def _answer(self, credential: Credential, request: Request) -> Answer:
        if isinstance(request, SetUp):
            return self._set_up(request)
        if isinstance(request, LogIn):
            return self._log_in(request)
        actor = self._actor(credential)
        if actor is None:
            return NOBODY_KNOWN
        if isinstance(request, LogOut):
            self._people.close_session(secret_sha256(credential.secret), self._clock.now())
            return DONE
        if isinstance(request, ChangePassword):
            return self._change_password(actor, request)
        right, handler = self._handlers[type(request)]
        if not actor.may(right):
            log.warning("beyond the role", who=actor.name, role=actor.role.value, right=right.value)
            return FORBIDDEN
        return handler(actor, request)

    def _actor(self, credential: Credential) -> Actor | None:
        match credential.kind:
            case CredentialKind.SESSION:
                return self._people.of_session(secret_sha256(credential.secret), self._clock.now())
            case CredentialKind.TOKEN:
                return self._people.of_token(secret_sha256(credential.secret))
            case CredentialKind.CONSOLE:
                return Actor(f"console:{credential.secret}", Role.ADMIN)
            case CredentialKind.NONE:
                return None

    def _set_up(self, request: SetUp) -> Answer:
        token = self.first_token()
        if not token:
            return Answer(AnswerKind.CONFLICT, "set_up_already")
        if not secrets.compare_digest(request.token.encode(), token.encode()):
            return Answer(AnswerKind.FORBIDDEN, "wrong_token")
        if wrong := _unfit_name(request.name) or _unfit_password(request.password):
            return wrong
        name = request.name.strip()
        self._people.add_person(
            name, Role.ADMIN, self._hasher.hash(request.password), "console", self._clock.now()
        )
        self._first_token = ""
        return self._opened_session(name)

    def _log_in(self, request: LogIn) -> Answer:
        name = request.name.strip()[:LONGEST_NAME]
        if wait_s := self._lockout.seconds_left(name):
            return Answer(AnswerKind.LOCKED, "locked", f"{wait_s:.0f}")
        if not self._is_password_of(name, request.password):
            failures = self._lockout.failed(name)
            log.warning("wrong password", name=name, failures=failures)
            return Answer(AnswerKind.UNKNOWN, "wrong_password")
        self._lockout.succeeded(name)
        return self._opened_session(name)

    def _opened_session(self, name: str) -> Answer:
        secret, now = secrets.token_urlsafe(_SECRET_BYTES), self._clock.now()
        self._people.open_session(name, secret_sha256(secret), now, now + self._settings.session)
        return Answer(AnswerKind.DONE, secret=secret)

    def _is_password_of(self, name: str, password: str) -> bool:
        known = self._people.password_hash(name)
        try:
            self._hasher.verify(known or self._nobodys_hash, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False
        return known is not None

    def _change_password(self, actor: Actor, request: ChangePassword) -> Answer:
        if not self._is_password_of(actor.name, request.old):
            return Answer(AnswerKind.FORBIDDEN, "wrong_password")
        if wrong := _unfit_password(request.new):
            return wrong
        self._people.set_password(actor.name, self._hasher.hash(request.new), actor.name, self._clock.now())
        return DONE

    def _acknowledge(self, actor: Actor, request: AcknowledgeAlarm) -> Answer:
        if wrong := _unfit_reason(request.why):
            return wrong
        try:
            first = self._alarms.acknowledge_alarm(
                request.code, request.subject, actor.name, request.why.strip()
            )
        except InputError:
            return Answer(AnswerKind.NOT_FOUND, "no_such_alarm", request.code)
        return Answer(AnswerKind.CONFLICT, "already_acknowledged", first) if first else DONE

    def _escalate(self, actor: Actor, request: EscalateAlarm) -> Answer:
        if wrong := _unfit_reason(request.why):
            return wrong
        try:
            self._alarms.escalate_alarm(request.code, request.subject, actor.name, request.why.strip())
        except InputError:
            return Answer(AnswerKind.NOT_FOUND, "no_such_alarm", request.code)
        return DONE

    def _activate_model(self, actor: Actor, request: ActivateModel) -> Answer:
        if wrong := _unfit_reason(request.why):
            return wrong
        self._activate(request, actor.name)
        return DONE

    def _order_roll(self, actor: Actor, request: OrderRoll) -> Answer:
        for text in (request.order, request.lot, request.roll):
            if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
                return Answer(AnswerKind.INVALID, "unfit_name", text[:LONGEST_NAME])
        try:
            label = parse_label(request.label).text.strip() if request.label else ""
        except LabelError as error:
            return Answer(AnswerKind.INVALID, "unfit_label", str(error))
        order = RollOrder(request.order, request.lot, request.roll, label, actor.name, self._clock.now())
        return (
            DONE
            if self._people.order_roll(order)
            else Answer(AnswerKind.CONFLICT, "other_order", order.order)
        )

    def _sign(self, actor: Actor, request: Sign) -> Answer:
        if wait_s := self._lockout.seconds_left(actor.name):
            return Answer(AnswerKind.LOCKED, "locked", f"{wait_s:.0f}")
        if not self._is_password_of(actor.name, request.password):
            self._lockout.failed(actor.name)
            return Answer(AnswerKind.FORBIDDEN, "wrong_password")
        self._lockout.succeeded(actor.name)
        signature = Signature(
            request.number, request.conclusion_id, actor.name, request.meaning, self._clock.now()
        )
        return DONE if self._people.sign(signature) else Answer(AnswerKind.CONFLICT, "other_conclusion")

    def _add_person(self, actor: Actor, request: AddPerson) -> Answer:
        if wrong := _unfit_name(request.name):
            return wrong
        password, name = _first_password(), request.name.strip()
        hashed = self._hasher.hash(password)
        if not self._people.add_person(name, request.role, hashed, actor.name, self._clock.now()):
            return Answer(AnswerKind.CONFLICT, "name_taken", name)
        return Answer(AnswerKind.DONE, secret=password)

    def _reset_password(self, actor: Actor, request: ResetPassword) -> Answer:
        password = _first_password()
        hashed = self._hasher.hash(password)
        if not self._people.set_password(request.name, hashed, actor.name, self._clock.now()):
            return Answer(AnswerKind.NOT_FOUND, "no_such_person", request.name)
        self._lockout.succeeded(request.name)
        return Answer(AnswerKind.DONE, secret=password)

    def _disable_person(self, actor: Actor, request: DisablePerson) -> Answer:
        if request.disabled and request.name == actor.name:
            return Answer(AnswerKind.CONFLICT, "not_yourself")
        if not self._people.set_disabled(request.name, request.disabled, actor.name, self._clock.now()):
            return Answer(AnswerKind.NOT_FOUND, "no_such_person", request.name)
        return DONE

    def _issue_token(self, actor: Actor, request: IssueToken) -> Answer:
        if wrong := _unfit_name(request.name):
            return wrong
        secret, name = f"qc_{secrets.token_urlsafe(_SECRET_BYTES)}", request.name.strip()
        hashed = secret_sha256(secret)
        if not self._people.issue_token(name, request.role, hashed, actor.name, self._clock.now()):
            return Answer(AnswerKind.CONFLICT, "name_taken", name)
        return Answer(AnswerKind.DONE, secret=secret)

    def _revoke_token(self, actor: Actor, request: RevokeToken) -> Answer:
        if not self._people.revoke_token(request.name, actor.name, self._clock.now()):
            return Answer(AnswerKind.NOT_FOUND, "no_such_token", request.name)
        return DONE


def _first_password() -> str:
    return secrets.token_urlsafe(12)


def _unfit_name(name: str) -> Answer | None:
    stripped = name.strip()
    fits = 0 < len(stripped) <= LONGEST_NAME and stripped.isprintable()
    return None if fits else Answer(AnswerKind.INVALID, "unfit_name", stripped[:LONGEST_NAME])


def _unfit_password(password: str) -> Answer | None:
    fits = SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD
    return None if fits else Answer(AnswerKind.INVALID, "unfit_password", str(SHORTEST_PASSWORD))


def _unfit_reason(why: str) -> Answer | None:
    fits = 0 < len(why.strip()) <= _LONGEST_TEXT
    return None if fits else Answer(AnswerKind.INVALID, "reason_missing")
