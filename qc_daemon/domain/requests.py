"""What people and programs ask of a running station beyond reading, and what they are told."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from qc_daemon.domain.people import Role, SignatureMeaning


class CredentialKind(StrEnum):
    """How somebody proves who they are."""

    NONE = "none"
    SESSION = "session"  # secret of a session that a person opened with a password
    TOKEN = "token"  # secret of a program
    CONSOLE = "console"  # name of the computer's user, who may reach the station's folder


@dataclass(frozen=True, slots=True)
class Credential:
    """The proof that comes with a request."""

    kind: CredentialKind
    secret: str = ""


NOBODY = Credential(CredentialKind.NONE)


@dataclass(frozen=True, slots=True)
class SetUp:
    """Make the first person, an admin, with the token that the console showed."""

    token: str
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class LogIn:
    """Open a session; the answer's `secret` is that of the session."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class LogOut:
    """Close the session that the credential belongs to."""


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Change one's own password; all of one's sessions end."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class AcknowledgeAlarm:
    """Take on an active alarm."""

    code: str
    subject: str
    why: str


@dataclass(frozen=True, slots=True)
class EscalateAlarm:
    """Call for more help with an active alarm."""

    code: str
    subject: str
    why: str


@dataclass(frozen=True, slots=True)
class ActivateModel:
    """Use another model from the next start on."""

    name: str
    digest: str
    why: str


@dataclass(frozen=True, slots=True)
class OrderRoll:
    """Announce a roll with its declared label, by the number of the plant's order."""

    order: str
    lot: str
    roll: str
    label: str


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign a conclusion; the password proves again who signs."""

    number: int
    conclusion_id: str
    meaning: SignatureMeaning
    password: str


@dataclass(frozen=True, slots=True)
class AddPerson:
    """Add a person; the answer's `secret` is a first password."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class ResetPassword:
    """Give a person a new password; the answer's `secret` is it."""

    name: str


@dataclass(frozen=True, slots=True)
class DisablePerson:
    """Let a person in no more (or again, with `disabled` false)."""

    name: str
    disabled: bool


@dataclass(frozen=True, slots=True)
class IssueToken:
    """Issue a token for the REST interface; the answer's `secret` is it."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """End a token."""

    name: str


Request = (
    SetUp
    | LogIn
    | LogOut
    | ChangePassword
    | AcknowledgeAlarm
    | EscalateAlarm
    | ActivateModel
    | OrderRoll
    | Sign
    | AddPerson
    | ResetPassword
    | DisablePerson
    | IssueToken
    | RevokeToken
)


class AnswerKind(StrEnum):
    """What became of a request."""

    DONE = "done"
    UNKNOWN = "unknown"  # nobody knows who asks
    FORBIDDEN = "forbidden"  # the role may not
    INVALID = "invalid"
    NOT_FOUND = "not found"
    CONFLICT = "conflict"  # somebody else was first, or it is so already
    LOCKED = "locked"  # too many wrong passwords
    UNAVAILABLE = "unavailable"  # the database or the daemon does not answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request, and why.

    Attributes:
        code: names the sentence that tells it (`qc_daemon/web/texts.py`); empty if done.
        subject: what the sentence is about.
        secret: shown once: a session, a token, a password.
    """

    kind: AnswerKind
    code: str = ""
    subject: str = ""
    secret: str = ""


DONE = Answer(AnswerKind.DONE)


class Desk(Protocol):
    """Where requests are brought."""

    def ask(self, credential: Credential, request: Request) -> Answer:
        """Have a request done, or hear why not; never raises for what a person can do."""
        ...
