"""People, sessions, tokens, signatures and orders of rolls: rows, each change with a row of the ledger.

Signatures and orders name who did it, and the ledger covers them by itself; for the rest it is told.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from qc_daemon.domain.people import Actor, Person, Role, RollOrder, Signature
from storage.ledger import append
from storage.people_tables import ApiTokenRow, RollOrderRow, SessionRow, SignatureRow, UserRow
from storage.tables import AcquisitionRow

Transaction = Callable[[], AbstractContextManager[Session]]


class SqlPeopleReader:
    """Finds out who somebody is; each look is a transaction of its own that only reads."""

    def __init__(self, reading: Transaction) -> None:
        self._reading = reading

    def of_session(self, secret_sha256: str, now: datetime) -> Actor | None:
        """Return who opened a session; None if it is over, unknown, or the person is disabled."""
        query = select(SessionRow).where(SessionRow.secret_sha256 == secret_sha256)
        with self._reading() as session:
            row = session.scalar(query)
            if row is None or row.closed_at is not None or row.expires_at <= now or row.user.disabled:
                return None
            return Actor(row.user.name, Role(row.user.role))

    def of_token(self, secret_sha256: str) -> Actor | None:
        """Return the program that a token belongs to; None if it is unknown or revoked."""
        query = select(ApiTokenRow).where(ApiTokenRow.secret_sha256 == secret_sha256)
        with self._reading() as session:
            row = session.scalar(query)
            return None if row is None or row.revoked_at is not None else Actor(row.name, Role(row.role))

    def any_person(self) -> bool:
        """Tell whether anybody is known yet."""
        with self._reading() as session:
            return session.scalar(select(UserRow.id).limit(1)) is not None

    def people(self) -> tuple[Person, ...]:
        """Return everybody, by name."""
        with self._reading() as session:
            rows = session.scalars(select(UserRow).order_by(UserRow.name))
            return tuple(Person(row.name, Role(row.role), row.disabled, row.added_at) for row in rows)


class SqlPeopleBook(SqlPeopleReader):
    """Keeps people, sessions, tokens and signatures; implements the port PeopleBook."""

    def __init__(self, reading: Transaction, writing: Transaction) -> None:
        super().__init__(reading)
        self._writing = writing

    def password_hash(self, name: str) -> str | None:
        """Return the hash of a person's password; None if nobody of that name may log in."""
        with self._reading() as session:
            row = _user(session, name)
            return None if row is None or row.disabled else row.password_hash

    def add_person(self, name: str, role: Role, password_hash: str, by: str, at: datetime) -> bool:
        """Add a person; False if there is one of that name."""
        with self._writing() as session:
            if _user(session, name) is not None:
                return False
            session.add(
                UserRow(name=name, role=role.value, password_hash=password_hash, disabled=False, added_at=at)
            )
            append(session, "person_added", name, {"role": role.value}, at, by)
            return True

    def set_password(self, name: str, password_hash: str, by: str, at: datetime) -> bool:
        """Give a person another password and end their sessions; False if there is nobody of that name."""
        with self._writing() as session:
            row = _user(session, name)
            if row is None:
                return False
            row.password_hash = password_hash
            _end_sessions(session, row, at)
            append(session, "password_set", name, {}, at, by)
            return True

    def set_disabled(self, name: str, disabled: bool, by: str, at: datetime) -> bool:
        """Let a person in no more, or again; False if there is nobody of that name."""
        with self._writing() as session:
            row = _user(session, name)
            if row is None:
                return False
            row.disabled = disabled
            _end_sessions(session, row, at)
            append(session, "person_disabled" if disabled else "person_enabled", name, {}, at, by)
            return True

    def open_session(self, name: str, secret_sha256: str, at: datetime, until: datetime) -> None:
        """Record that a person logged in."""
        with self._writing() as session:
            row = _user(session, name)
            assert row is not None, "the password was just compared with this person's"
            session.add(
                SessionRow(secret_sha256=secret_sha256, user_id=row.id, opened_at=at, expires_at=until)
            )
            append(session, "logged_in", name, {"until": until.isoformat()}, at, name)

    def close_session(self, secret_sha256: str, at: datetime) -> None:
        """Record that a person logged out."""
        with self._writing() as session:
            row = session.scalar(select(SessionRow).where(SessionRow.secret_sha256 == secret_sha256))
            if row is not None and row.closed_at is None:
                row.closed_at = at
                append(session, "logged_out", row.user.name, {}, at, row.user.name)

    def issue_token(self, name: str, role: Role, secret_sha256: str, by: str, at: datetime) -> bool:
        """Record a token; False if there is one of that name."""
        with self._writing() as session:
            if _valid_token(session, name) is not None:
                return False
            session.add(
                ApiTokenRow(
                    name=name, role=role.value, secret_sha256=secret_sha256, issued_by=by, issued_at=at
                )
            )
            append(session, "token_issued", name, {"role": role.value}, at, by)
            return True

    def revoke_token(self, name: str, by: str, at: datetime) -> bool:
        """End a token; False if none of that name is valid."""
        with self._writing() as session:
            row = _valid_token(session, name)
            if row is None:
                return False
            row.revoked_at = at
            append(session, "token_revoked", name, {}, at, by)
            return True

    def sign(self, signature: Signature) -> bool:
        """Record a signature of the current conclusion; False if that is another one by now."""
        with self._writing() as session:
            row = session.get(AcquisitionRow, signature.number)
            current = row.conclusions[-1] if row is not None and row.conclusions else None
            if current is None or current.id != signature.conclusion_id:
                return False
            session.add(
                SignatureRow(
                    conclusion_sequence=current.sequence,
                    who=signature.who,
                    meaning=signature.meaning.value,
                    signed_at=signature.signed_at,
                )
            )
            return True

    def order_roll(self, order: RollOrder) -> bool:
        """Record an order; the same one twice is once. False if it contradicts one of before."""
        with self._writing() as session:
            known = session.scalars(
                select(RollOrderRow).where(
                    (RollOrderRow.order_id == order.order)
                    | ((RollOrderRow.lot == order.lot) & (RollOrderRow.roll == order.roll))
                )
            ).all()
            said = (order.order, order.lot, order.roll, order.label)
            if known:
                return all((row.order_id, row.lot, row.roll, row.label_text) == said for row in known)
            session.add(
                RollOrderRow(
                    order_id=order.order,
                    lot=order.lot,
                    roll=order.roll,
                    label_text=order.label,
                    ordered_by=order.ordered_by,
                    ordered_at=order.ordered_at,
                )
            )
            return True


def _user(session: Session, name: str) -> UserRow | None:
    return session.scalar(select(UserRow).where(UserRow.name == name))


def _valid_token(session: Session, name: str) -> ApiTokenRow | None:
    return session.scalar(
        select(ApiTokenRow).where(ApiTokenRow.name == name, ApiTokenRow.revoked_at.is_(None))
    )


def _end_sessions(session: Session, user: UserRow, at: datetime) -> None:
    query = select(SessionRow).where(SessionRow.user_id == user.id, SessionRow.closed_at.is_(None))
    for row in session.scalars(query):
        row.closed_at = at
