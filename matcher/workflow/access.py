"""What lets an account in: sessions, API tokens, links that work once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from matcher.errors import ConflictError, InputError, NotFoundError, UnauthenticatedError
from matcher.store import people
from matcher.workflow import accounts
from matcher.workflow.accounts import Account
from matcher.workflow.desk import Desk, new_id
from matcher.workflow.signing import digest, new_secret

TOKEN_PREFIX = "samspill_"  # noqa: S105
"""So that a token that leaked into a file or chat is found by a search for it."""

_LONGEST_SESSION = timedelta(days=7)
_MOST_TOKENS = 20
FLOW_VALID = timedelta(minutes=10)
"""How long a login by an OpenID provider may be on its way."""

_SEEN_EVERY = timedelta(minutes=1)


class Scope(StrEnum):
    """What an API token may be used for, within what its account may do."""

    READ = "read"
    WRITE = "write"
    SEND = "send"
    ADMIN = "admin"


@dataclass(frozen=True)
class Token:
    """An API token as its owner sees it; the secret is shown once, when it is made."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


# -- sessions


def open_session(desk: Desk, account_id: str, old: str = "") -> str:
    """Open a session and return its secret, which is stored nowhere.

    Always a new one: a secret from before the login (``old``) is worth nothing after it.
    """
    secret, now = new_secret(), desk.now()
    with desk.store.writing() as connection:
        _forget(connection, old)
        connection.execute(
            insert(people.session).values(
                token_digest=digest(secret),
                account_id=account_id,
                created_at=now,
                seen_at=now,
                expires_at=now + _LONGEST_SESSION,
            )
        )
    return secret


def session_account(desk: Desk, secret: str) -> Account | None:
    """Return the account of a session that is still open, and note that it was used."""
    table, now = people.session, desk.now()
    with desk.store.reading() as connection:
        row = connection.execute(
            select(table).where(table.c.token_digest == digest(secret))
        ).one_or_none()
        idle = timedelta(hours=desk.settings.session_hours)
        if row is None or now >= row.expires_at or now >= row.seen_at + idle:
            return None
        account = accounts.get(connection, row.account_id)
    if now - row.seen_at > _SEEN_EVERY:
        with desk.store.writing() as connection:
            connection.execute(
                update(table).where(table.c.token_digest == row.token_digest).values(seen_at=now)
            )
    return account if account.active else None


def close_session(desk: Desk, account_id: str, secret: str, address: str = "") -> None:
    """End a session."""
    with desk.store.writing() as connection:
        _forget(connection, secret)
        accounts.audit(connection, desk, account_id, "logout", "session", address)


def _forget(connection: Connection, secret: str) -> None:
    if secret:
        table = people.session
        connection.execute(delete(table).where(table.c.token_digest == digest(secret)))


# -- API tokens


def make_token(
    desk: Desk, account_id: str, name: str, scopes: Sequence[Scope], days: int
) -> tuple[Token, str]:
    """Make an API token; return it with its secret, which is stored nowhere."""
    secret, now = TOKEN_PREFIX + new_secret(), desk.now()
    if not scopes:
        raise InputError("a token needs a scope: what it may be used for")
    values = {
        "id": new_id(),
        "account_id": account_id,
        "name": name,
        "token_digest": digest(secret),
        "scopes": sorted(set(scopes)),
        "created_at": now,
        "expires_at": now + timedelta(days=days),
    }
    with desk.store.writing() as connection:
        if len(tokens(connection, account_id)) >= _MOST_TOKENS:
            raise ConflictError(f"an account has {_MOST_TOKENS} tokens at most: delete one")
        connection.execute(insert(people.api_token).values(values))
        accounts.audit(connection, desk, account_id, "token.created", "token")
        return _token(values), secret


def tokens(connection: Connection, account_id: str) -> list[Token]:
    """Return the tokens of an account."""
    table = people.api_token
    rows = connection.execute(
        select(table).where(table.c.account_id == account_id).order_by(table.c.created_at)
    )
    return [_token(dict(row._mapping)) for row in rows]


def delete_token(desk: Desk, account_id: str, token_id: str) -> None:
    """Delete a token of an account, or raise :class:`NotFoundError`."""
    table = people.api_token
    with desk.store.writing() as connection:
        hit = connection.execute(
            delete(table).where(table.c.id == token_id, table.c.account_id == account_id)
        )
        if not hit.rowcount:
            raise NotFoundError(f"no token {token_id!r}")
        accounts.audit(connection, desk, account_id, "token.deleted", "token")


def token_account(desk: Desk, secret: str) -> tuple[Account, frozenset[Scope]] | None:
    """Return the account and scopes of a token that is still good."""
    table, now = people.api_token, desk.now()
    with desk.store.reading() as connection:
        row = connection.execute(
            select(table).where(table.c.token_digest == digest(secret))
        ).one_or_none()
        if row is None or now >= row.expires_at:
            return None
        account = accounts.get(connection, row.account_id)
    if row.last_used_at is None or now - row.last_used_at > _SEEN_EVERY:
        with desk.store.writing() as connection:
            connection.execute(update(table).where(table.c.id == row.id).values(last_used_at=now))
    scopes = frozenset(Scope(s) for s in row.scopes)
    return (account, scopes) if account.active else None


def _token(values: dict[str, Any]) -> Token:
    return Token(
        values["id"],
        values["name"],
        tuple(Scope(s) for s in values["scopes"]),
        values["created_at"],
        values["expires_at"],
        values.get("last_used_at"),
    )


# -- links and flows that work once


def offer(
    connection: Connection,
    desk: Desk,
    purpose: str,
    valid: timedelta,
    account_id: str | None = None,
    subject: str = "",
    data: dict[str, Any] | None = None,
) -> str:
    """Store something that can be taken up once, and return the secret that does it."""
    secret, now = new_secret(), desk.now()
    connection.execute(
        insert(people.one_time).values(
            token_digest=digest(secret),
            purpose=purpose,
            account_id=account_id,
            subject=subject,
            data=data or {},
            created_at=now,
            expires_at=now + valid,
        )
    )
    return secret


def offered(
    connection: Connection, desk: Desk, purpose: str, account_id: str, within: timedelta
) -> bool:
    """Tell whether an account was offered something of late that it has not taken up."""
    table = people.one_time
    query = select(table.c.token_digest).where(
        table.c.purpose == purpose,
        table.c.account_id == account_id,
        table.c.created_at > desk.now() - within,
    )
    return connection.execute(query).first() is not None


def take_up(connection: Connection, desk: Desk, purpose: str, secret: str) -> Any:
    """Take up what was offered, once: return the row.

    Raises:
        UnauthenticatedError: It was never offered, was taken up already, or is too old.
    """
    table = people.one_time
    row = connection.execute(
        select(table).where(table.c.token_digest == digest(secret), table.c.purpose == purpose)
    ).one_or_none()
    taken = row is not None and connection.execute(
        delete(table).where(table.c.token_digest == row.token_digest)
    )
    if row is None or not (taken and taken.rowcount) or desk.now() >= row.expires_at:
        raise UnauthenticatedError("this link has been used or is too old: ask for a new one")
    return row
