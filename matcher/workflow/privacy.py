"""Privacy: what we hold on a person, its erasure, and how long anything is kept."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Connection, delete, func, or_, select, update

from matcher.errors import ConflictError, NotFoundError
from matcher.index import release
from matcher.store import dialogue as tables
from matcher.store import people, schema
from matcher.workflow import accounts, alerts, dialogues, log
from matcher.workflow.accounts import clean_email
from matcher.workflow.desk import SYSTEM, Actor, Desk, Role

# What people write freely, where it may name somebody. Needs and profiles are public texts
# that their owners mend themselves.
_FREE_TEXT = (
    tables.invitation.c.reason,
    tables.invitation.c.answer,
    tables.need_event.c.reason,
    tables.declaration_signature.c.statement,
    tables.interest.c.text,
    tables.reverse_dialogue.c.answer,
    tables.profile.c.review_reason,
)
_ERASED = "[erased]"


@dataclass
class Cleaned:
    """What retention took away."""

    sessions: int = 0
    links: int = 0
    login_events: int = 0
    messages: int = 0
    accounts: int = 0
    generations: int = 0


def held(desk: Desk, email: str) -> dict[str, Any]:
    """Return everything held on the person with an address, as plain values."""
    address = clean_email(email)
    with desk.store.reading() as connection:
        account = accounts.find(connection, address)
        contact = schema.contact
        contacts = connection.execute(
            select(contact).where(func.lower(contact.c.email) == address)
        ).all()
        queued = connection.execute(
            select(tables.message.c.kind, tables.message.c.created_at).where(
                tables.message.c.address == address
            )
        ).all()
        mentions = _mentions(connection, _words(account, contacts, address))
        return {
            "email": address,
            "account": _plain(account) if account else None,
            "sessions": _rows(connection, people.session, account, "token_digest"),
            "tokens": _rows(connection, people.api_token, account, "token_digest"),
            "logins": _rows(connection, people.login_event, account),
            "subscriptions": [
                {**_plain(s), "wish": s.wish.model_dump(mode="json")}
                for s in (alerts.own(connection, account.actor) if account else [])
            ],
            "contacts": [_values(row._mapping) for row in contacts],
            "mail_waiting": [_values(row._mapping) for row in queued],
            "log_entries": mentions,
        }


def erase(desk: Desk, actor: Actor, email: str) -> dict[str, int]:
    """Erase a person: account, contacts, mail that waits, and words in the log that name them.

    The log keeps its proof: entries lose what they say, not that they stood there.

    Raises:
        NotFoundError: Nothing is held.
        ConflictError: It is the last admin.
    """
    address = clean_email(email)
    with desk.store.writing() as connection:
        account = accounts.find(connection, address)
        contact = schema.contact
        where = func.lower(contact.c.email) == address
        contacts = connection.execute(select(contact).where(where)).all()
        words = _words(account, contacts, address)
        mentions = _mentions(connection, words)
        texts = sum(_blank(connection, column, words) for column in _FREE_TEXT)
        if account:
            _erase_account(connection, account)
        connection.execute(delete(contact).where(where))
        waiting = connection.execute(
            update(tables.message)
            .where(tables.message.c.address == address)
            .values(state="failed", address="", text="", html="", stop_link="", error="erased")
        ).rowcount
        if not (account or contacts or waiting or mentions or texts):
            raise NotFoundError("nothing is held on this address")
        for number in mentions:
            log.erase_payload(connection, desk, actor, number, "erasure of a person")
        done = {
            "accounts": int(account is not None),
            "contacts": len(contacts),
            "mail_waiting": waiting,
            "log_entries": len(mentions),
            "texts": texts,
        }
        subject = f"account:{account.id}" if account else "contact"
        log.append(connection, desk, actor, "person.erased", subject, done)
        return done


def clean(desk: Desk) -> Cleaned:
    """Take away what is no longer needed: the retention that the settings name."""
    now = desk.now()
    before = now - timedelta(days=desk.settings.retention_days)
    idle = now - timedelta(hours=desk.settings.session_hours)
    session, once, event = people.session, people.one_time, people.login_event
    message, account = tables.message, people.account
    done = Cleaned()
    with desk.store.writing() as connection:
        done.sessions = connection.execute(
            delete(session).where(or_(session.c.expires_at < now, session.c.seen_at < idle))
        ).rowcount
        done.links = connection.execute(delete(once).where(once.c.expires_at < now)).rowcount
        done.login_events = connection.execute(delete(event).where(event.c.at < before)).rowcount
        done.messages = connection.execute(
            delete(message).where(
                message.c.state.in_(["sent", "failed"]), message.c.created_at < before
            )
        ).rowcount
        # Admins and jobs stay: an installation nobody can enter helps no one's privacy.
        unused = connection.execute(
            select(account.c.id).where(
                account.c.role.in_([Role.BROKER, Role.BUYER, Role.SUPPLIER]),
                account.c.email.is_not(None),
                func.coalesce(account.c.last_login_at, account.c.created_at) < before,
            )
        ).scalars()
        for account_id in unused.all():
            _erase_account(connection, accounts.get(connection, account_id))
            log.append(
                connection, desk, SYSTEM, "person.erased", f"account:{account_id}", {"unused": True}
            )
            done.accounts += 1
        root = desk.settings.generations_dir
        if root.exists():
            over = release(root, lambda h: dialogues.is_over(connection, h.partition(":")[2]))
            done.generations = len(over)
    return done


def _erase_account(connection: Connection, account: accounts.Account) -> None:
    table = people.account
    if account.role is Role.ADMIN:
        others = connection.execute(
            select(func.count())
            .select_from(table)
            .where(table.c.role == Role.ADMIN, table.c.active, table.c.id != account.id)
        ).scalar_one()
        if not others:
            raise ConflictError("this is the last admin: make another one first")
    accounts.close_all(connection, account.id, tokens=True)
    for own in (people.one_time, people.account_supplier, tables.subscription):
        connection.execute(delete(own).where(own.c.account_id == account.id))
    connection.execute(
        delete(people.login_event).where(people.login_event.c.account_id == account.id)
    )
    connection.execute(
        update(table)
        .where(table.c.id == account.id)
        .values(
            email=None,
            name="",
            password_hash="",
            oidc_issuer=None,
            oidc_subject=None,
            active=False,
            last_login_at=None,
        )
    )


def _words(account: accounts.Account | None, contacts: Any, address: str) -> list[str]:
    """Return what a person is recognised by in somebody's words."""
    names = [account.name if account else "", *(row.name for row in contacts)]
    # One word alone, a first name say, would take out the words of half the country.
    return [address, *{n.strip() for n in names if len(n.split()) > 1}]


def _mentions(connection: Connection, words: list[str]) -> list[int]:
    """Return the numbers of log entries that hold one of the words."""
    table = tables.log_entry
    found = or_(*(table.c.payload.icontains(word, autoescape=True) for word in words))
    rows = connection.execute(select(table.c.number).where(found).order_by(table.c.number))
    return list(rows.scalars())


def _blank(connection: Connection, column: Column[Any], words: list[str]) -> int:
    """Blank the texts of a column that hold one of the words; return how many."""
    holds = or_(*(column.icontains(word, autoescape=True) for word in words))
    change = update(column.table).where(holds).values({column: _ERASED})
    return connection.execute(change).rowcount


def _rows(
    connection: Connection, table: Any, account: accounts.Account | None, secret: str = ""
) -> list[dict[str, Any]]:
    if account is None:
        return []
    rows = connection.execute(select(table).where(table.c.account_id == account.id))
    return [{k: v for k, v in _values(r._mapping).items() if k != secret} for r in rows]


def _plain(item: Any) -> dict[str, Any]:
    return _values(dataclasses.asdict(item))


def _values(values: Any) -> dict[str, Any]:
    return {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in values.items()}
