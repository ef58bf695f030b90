"""Who may use the station, and what each role may do."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

LONGEST_NAME = 64
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256


class Role(StrEnum):
    """What a person or a program is to the station."""

    OPERATOR = "operator"  # runs the line
    QA = "qa"  # reads everything and changes nothing
    ENGINEER = "engineer"
    ADMIN = "admin"


class Right(StrEnum):
    """Something that a role may do beyond reading."""

    TAKE_ON_ALARMS = "take on alarms"
    ORDER_ROLLS = "order rolls"
    ACTIVATE_MODELS = "activate models"
    SIGN = "sign"
    MANAGE_PEOPLE = "manage people"


_LINE = frozenset({Right.TAKE_ON_ALARMS, Right.ORDER_ROLLS})
_STATION = _LINE | {Right.ACTIVATE_MODELS, Right.SIGN}

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.OPERATOR: _LINE,
    Role.QA: frozenset(),
    Role.ENGINEER: _STATION,
    Role.ADMIN: _STATION | {Right.MANAGE_PEOPLE},
}


def secret_sha256(secret: str) -> str:
    """Return what is kept of a secret of 256 random bits; a password needs a slow hash instead."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


class SignatureMeaning(StrEnum):
    """What a person says by a signature."""

    REVIEWED = "reviewed"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, or a program with a token, and its role."""

    name: str
    role: Role

    def may(self, right: Right) -> bool:
        """Tell whether the role has a right."""
        return right in RIGHTS[self.role]


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the station knows them; `disabled` people cannot log in."""

    name: str
    role: Role
    disabled: bool
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A program's right to use the REST interface; the secret itself is not kept."""

    name: str
    role: Role
    issued_by: str
    issued_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a person said of a conclusion, having proved again who they are."""

    number: int
    conclusion_id: str
    who: str
    meaning: SignatureMeaning
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class RollOrder:
    """A roll that a plant's system announced, and what its label says."""

    order: str
    lot: str
    roll: str
    label: str
    ordered_by: str
    ordered_at: datetime


class RollOrderBook(Protocol):
    """Knows the rolls that the plant has ordered."""

    def order_for(self, lot: str, roll: str) -> RollOrder | None:
        """Return the order of a roll; without a lot, that of the only roll of that name.

        Raises:
            StoreUnavailable: nobody can say now.
        """
        ...


class PeopleReader(Protocol):
    """Finds out who somebody is. Secrets are looked for by their SHA-256, in hex."""

    def of_session(self, secret_sha256: str, now: datetime) -> Actor | None:
        """Return who opened a session; None if it is over, unknown, or the person is disabled."""
        ...

    def of_token(self, secret_sha256: str) -> Actor | None:
        """Return the program that a token belongs to; None if it is unknown or revoked."""
        ...

    def any_person(self) -> bool:
        """Tell whether anybody is known yet."""
        ...


class PeopleBook(PeopleReader, Protocol):
    """Keeps people, sessions, tokens and signatures; each change leaves a row in the ledger."""

    def password_hash(self, name: str) -> str | None:
        """Return the hash of a person's password; None if nobody of that name may log in."""
        ...

    def add_person(self, name: str, role: Role, password_hash: str, by: str, at: datetime) -> bool:
        """Add a person; False if there is one of that name."""
        ...

    def set_password(self, name: str, password_hash: str, by: str, at: datetime) -> bool:
        """Give a person another password and end their sessions; False if there is nobody of that name."""
        ...

    def set_disabled(self, name: str, disabled: bool, by: str, at: datetime) -> bool:
        """Let a person in no more, or again; False if there is nobody of that name."""
        ...

    def open_session(self, name: str, secret_sha256: str, at: datetime, until: datetime) -> None:
        """Record that a person logged in."""
        ...

    def close_session(self, secret_sha256: str, at: datetime) -> None:
        """Record that a person logged out."""
        ...

    def issue_token(self, name: str, role: Role, secret_sha256: str, by: str, at: datetime) -> bool:
        """Record a token; False if there is one of that name."""
        ...

    def revoke_token(self, name: str, by: str, at: datetime) -> bool:
        """End a token; False if none of that name is valid."""
        ...

    def sign(self, signature: Signature) -> bool:
        """Record a signature of the current conclusion; False if that is another one by now."""
        ...

    def order_roll(self, order: RollOrder) -> bool:
        """Record an order; the same one twice is once. False if it contradicts one of before."""
        ...

    def people(self) -> tuple[Person, ...]:
        """Return everybody, by name."""
        ...
