"""The tables of people: who may log in, open sessions, tokens of programs, signatures, orders of rolls."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.tables import Base

_STRICT = {"sqlite_strict": True}
_ROLES = "role IN ('operator', 'qa', 'engineer', 'admin')"


class UserRow(Base):
    """A person who may log in, unless disabled; the password is kept as an argon2 hash only."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint(_ROLES, "role"),
        CheckConstraint("disabled IN (0, 1)", "disabled"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    disabled: Mapped[bool]
    added_at: Mapped[datetime]


class SessionRow(Base):
    """That a person logged in; the secret in their cookie is kept as a hash only."""

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("secret_sha256"), Index(None, "user_id"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    secret_sha256: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    user: Mapped[UserRow] = relationship()


class ApiTokenRow(Base):
    """A program's token for the REST interface, kept as a hash only."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("secret_sha256"), CheckConstraint(_ROLES, "role"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    secret_sha256: Mapped[str]
    issued_by: Mapped[str]
    issued_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SignatureRow(Base):
    """That a person signed a conclusion, having given their password again."""

    __tablename__ = "signatures"
    __table_args__ = (
        CheckConstraint("meaning IN ('reviewed', 'approved')", "meaning"),
        Index(None, "conclusion_sequence"),
        _STRICT,
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    conclusion_sequence: Mapped[int] = mapped_column(ForeignKey("conclusions.sequence"))
    who: Mapped[str]
    meaning: Mapped[str]
    signed_at: Mapped[datetime]


class RollOrderRow(Base):
    """A roll that a plant's system announced, and what its label says."""

    __tablename__ = "roll_orders"
    __table_args__ = (UniqueConstraint("order_id"), UniqueConstraint("lot", "roll"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str]
    lot: Mapped[str]
    roll: Mapped[str]
    label_text: Mapped[str]
    ordered_by: Mapped[str]
    ordered_at: Mapped[datetime]
