"""Tables of people and access: accounts, sessions, tokens, and what became of logins.

Everything here is personal data. Secrets are kept as digests alone: what a thief of the
database finds opens no door.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from matcher.store.schema import metadata


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; aware on both sides, also where the database forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Store in UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Read as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


account = Table(
    "account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("role", String(20), nullable=False),
    # Folded; empty rows are accounts of jobs and erased people.
    Column("email", String(320), unique=True),
    Column("name", Text, nullable=False),
    Column("language", String(2), nullable=False),
    Column("buyer_id", ForeignKey("buyer.id")),
    Column("password_hash", Text, nullable=False),
    Column("oidc_issuer", String(300)),
    Column("oidc_subject", String(300)),
    Column("active", Boolean, nullable=False),
    Column("failed_logins", Integer, nullable=False),
    Column("locked_until", Moment),
    Column("created_at", Moment, nullable=False),
    Column("last_login_at", Moment),
    UniqueConstraint("oidc_issuer", "oidc_subject", name="uq_account_oidc"),
)

account_supplier = Table(
    "account_supplier",
    metadata,
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("supplier_id", ForeignKey("supplier.id"), primary_key=True, index=True),
    Column("since", Moment, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("token_digest", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("last_used_at", Moment),
)

# Links that work once (password, claim of a profile) and logins on their way by OIDC.
one_time = Table(
    "one_time",
    metadata,
    Column("token_digest", String(64), primary_key=True),
    Column("purpose", String(20), nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE")),
    Column("subject", String(200), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

login_event = Table(
    "login_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    # Not a foreign key: what happened is kept when the account is gone.
    Column("account_id", String(32)),
    Column("event", String(40), nullable=False),
    Column("method", String(20), nullable=False),
    # The network, not the address: /24 or /48.
    Column("network", String(50), nullable=False),
)
