"""Mail: written to the outbox with the work it belongs to, sent afterwards.

A letter is put into the outbox in the transaction that does what it tells of, under a key that
says what it is, so no job writes it twice and no crash loses it. Sending marks it just before
the server is given the text and again when the server has taken it. Whoever is killed between
these two marks leaves one letter of which nobody can know whether it went: it is never sent
again by itself, and is named as uncertain until a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog
from sqlalchemy import Connection, Row, delete, insert, select, update

from matcher.errors import InputError, SettingsError
from matcher.records import Supplier
from matcher.store import dialogue as tables
from matcher.store import schema
from matcher.workflow import log
from matcher.workflow.accounts import Account, clean_email
from matcher.workflow.desk import SYSTEM, Desk, new_id
from matcher.workflow.letters import Letter

STOP = "stop-mail"
_MOST_ATTEMPTS = 8
_FIRST_WAIT = timedelta(minutes=5)
_logger = structlog.get_logger()


@dataclass
class Sent:
    """What became of a run of the outbox."""

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    uncertain: int = 0


# -- into the outbox


def to_supplier(
    connection: Connection,
    desk: Desk,
    supplier: Supplier,
    key: str,
    letter: Letter,
    dialogue_id: str = "",
) -> str:
    """Put a letter to a supplier into the outbox; return its id, or why there is none.

    Returns:
        ``sent`` with the letter in the outbox, else ``stopped`` or ``no address``.
    """
    owner = f"supplier:{supplier.id}"
    # Who is protected against advertising in its register is not written to.
    if supplier.no_advertising or stopped(connection, desk, owner):
        return "stopped"
    address = supplier_address(connection, supplier.id)
    if not address:
        return "no address"
    _put(connection, desk, owner, address, key, letter, dialogue_id, stop=True)
    return "sent"


def to_account(
    connection: Connection,
    desk: Desk,
    account: Account,
    key: str,
    letter: Letter,
    dialogue_id: str,
    stop: str = "",
) -> None:
    """Put a letter to an account into the outbox."""
    if account.email:
        owner = f"account:{account.id}"
        full = f"{key}:{account.id}"
        _put(connection, desk, owner, account.email, full, letter, dialogue_id, stop=stop or False)


def to_address(
    connection: Connection, desk: Desk, address: str, owner: str, key: str, letter: Letter
) -> None:
    """Put a letter to an address of a record into the outbox."""
    _put(connection, desk, owner, address, key, letter, "", stop=False)


def supplier_address(connection: Connection, supplier_id: str) -> str:
    """Return the address kept for a supplier, empty if there is none that can be used."""
    table = schema.contact
    found = connection.execute(
        select(table.c.email).where(table.c.supplier_id == supplier_id)
    ).scalar_one_or_none()
    try:
        return clean_email(found) if found else ""
    except InputError:
        return ""


def _put(
    connection: Connection,
    desk: Desk,
    owner: str,
    address: str,
    key: str,
    letter: Letter,
    dialogue_id: str,
    stop: bool | str,
) -> None:
    stop_link = ""
    if stop:
        token = desk.signer.make(STOP, stop if isinstance(stop, str) else owner)
        stop_link = desk.link(f"/stop/{token}")
    table = tables.message
    if connection.execute(select(table.c.id).where(table.c.key == key)).first():
        return
    connection.execute(
        insert(table).values(
            id=new_id(),
            key=key,
            kind=key.partition(":")[0],
            state="queued",
            language=letter.language,
            owner=owner,
            dialogue_id=dialogue_id or None,
            address=address,
            subject=one_line(letter.subject),
            # NUL stands for nothing in a text, and PostgreSQL keeps none.
            text=letter.text(stop_link).replace("\0", ""),
            html=letter.html(stop_link).replace("\0", ""),
            stop_link=stop_link,
            attempts=0,
            error="",
            created_at=desk.now(),
        )
    )
    # The words go on the record, the reader's address and personal links do not.
    log.append(
        connection,
        desk,
        SYSTEM,
        "message.written",
        f"dialogue:{dialogue_id}" if dialogue_id else owner,
        {
            "key": key,
            "to": owner,
            "language": letter.language,
            "subject": one_line(letter.subject),
            "text": letter.text(with_links=False),
        },
    )


def one_line(text: str) -> str:
    """Return a text that cannot end a header.

    Control characters become spaces; what looks like an encoded word (RFC 2047) is broken up, for
    the mail library would decode it, line breaks and all.
    """
    shown = "".join(c if c.isprintable() else " " for c in text).replace("=?", "= ?")
    return " ".join(shown.split())[:250]


# -- who gets no mail


def stop(
    connection: Connection, desk: Desk, owner: str, reason: str, until: datetime | None = None
) -> None:
    """Send an owner no more mail, for ever or until a time."""
    start(connection, owner, reason)
    connection.execute(
        insert(tables.mail_stop).values(owner=owner, reason=reason, until=until, at=desk.now())
    )


def start(connection: Connection, owner: str, reason: str) -> None:
    """Take back a stop."""
    table = tables.mail_stop
    connection.execute(delete(table).where(table.c.owner == owner, table.c.reason == reason))


def stopped(connection: Connection, desk: Desk, owner: str) -> str:
    """Return why an owner gets no mail, empty if it does."""
    table = tables.mail_stop
    rows = connection.execute(select(table).where(table.c.owner == owner)).all()
    return next((r.reason for r in rows if r.until is None or r.until > desk.now()), "")


# -- out of the outbox


async def send(desk: Desk, again: bool = False) -> Sent:
    """Send what waits in the outbox, over one connection.

    Args:
        desk: Store, clock and the mail server's address.
        again: Also send the uncertain ones; somebody decided that twice is better than never.

    Raises:
        SettingsError: The mail server's address cannot be used.
    """
    result = Sent()
    with desk.store.writing() as connection:
        table = tables.message
        if again:
            connection.execute(
                update(table).where(table.c.state == "sending").values(state="queued")
            )
        due = (
            connection.execute(
                select(table.c.id)
                .where(
                    table.c.state == "queued",
                    table.c.retry_at.is_(None) | (table.c.retry_at <= desk.now()),
                )
                .order_by(table.c.created_at)
            )
            .scalars()
            .all()
        )
        uncertain = select(table.c.id).where(table.c.state == "sending")
        result.uncertain = len(connection.execute(uncertain).all())
    if not due:
        return result
    if not desk.settings.smtp_url:
        result.waiting = len(due)
        return result
    try:
        async with server(desk.settings.smtp_url) as smtp:
            for message_id in due:
                await _send_one(desk, smtp, message_id, result)
    except (aiosmtplib.SMTPException, OSError) as error:
        _logger.warning("mail_server", error=type(error).__name__)
        result.waiting = max(0, len(due) - result.sent - result.failed - result.uncertain)
    return result


def server(url: str) -> aiosmtplib.SMTP:
    """Return a client of the mail server that a URL names.

    Raises:
        SettingsError: The URL is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SettingsError("SAMSPILL_SMTP_URL: smtp://[user:password@]host[:port] or smtps://...")
    return aiosmtplib.SMTP(
        hostname=parts.hostname,
        port=parts.port or (465 if parts.scheme == "smtps" else 25),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=parts.scheme == "smtps",
        timeout=30,
    )


async def _send_one(desk: Desk, smtp: aiosmtplib.SMTP, message_id: str, result: Sent) -> None:
    table = tables.message
    with desk.store.reading() as connection:
        row = connection.execute(select(table).where(table.c.id == message_id)).one_or_none()
    # Erased, or its reader wants no more mail since it was written.
    if row is None or _no_longer_wanted(desk, row):
        return
    try:
        content = compose(desk, row).as_bytes()
        await smtp.mail(desk.settings.mail_from)
        await smtp.rcpt(row.address)
    except (aiosmtplib.SMTPResponseException, ValueError) as error:
        _failed(desk, row, error, result)
        await smtp.rset()
        return
    with desk.store.writing() as connection:
        # Claimed by one sender, whoever else is at work.
        claimed = connection.execute(
            update(table)
            .where(table.c.id == message_id, table.c.state == "queued")
            .values(state="sending", attempts=table.c.attempts + 1)
        )
    if not claimed.rowcount:
        await smtp.rset()
        return
    try:
        await smtp.data(content)
    except aiosmtplib.SMTPResponseException as error:
        _failed(desk, row, error, result)
        return
    except (aiosmtplib.SMTPException, OSError):
        result.uncertain += 1
        raise
    _sent(desk, row)
    result.sent += 1


def _no_longer_wanted(desk: Desk, row: Row[Any]) -> bool:
    with desk.store.writing() as connection:
        reason = stopped(connection, desk, row.owner) if row.stop_link else ""
        if reason:
            connection.execute(
                update(tables.message)
                .where(tables.message.c.id == row.id, tables.message.c.state == "queued")
                .values(state="failed", address="", text="", html="", stop_link="", error="stopped")
            )
            payload = {"key": row.key, "error": "stopped"}
            log.append(connection, desk, SYSTEM, "message.failed", _subject(row), payload)
    return bool(reason)


def _sent(desk: Desk, row: Row[Any]) -> None:
    with desk.store.writing() as connection:
        # The address has done its duty; the words stand in the log, without personal links.
        connection.execute(
            update(tables.message)
            .where(tables.message.c.id == row.id)
            .values(state="sent", address="", text="", html="", stop_link="", sent_at=desk.now())
        )
        log.append(connection, desk, SYSTEM, "message.sent", _subject(row), {"key": row.key})


def _subject(row: Row[Any]) -> str:
    return f"dialogue:{row.dialogue_id}" if row.dialogue_id else row.owner


def compose(desk: Desk, row: Row[Any]) -> EmailMessage:
    """Make the mail of an outbox row: text and HTML, with a way to stop it."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = desk.settings.mail_from
    mail["To"] = Address(addr_spec=row.address)
    mail["Subject"] = row.subject
    mail["Date"] = row.created_at
    mail["Message-ID"] = f"<{row.id}@{urlsplit(desk.settings.public_url).hostname}>"
    mail["Content-Language"] = row.language
    mail["Auto-Submitted"] = "auto-generated"
    if row.stop_link:
        mail["List-Unsubscribe"] = f"<{row.stop_link}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(row.text)
    mail.add_alternative(row.html, subtype="html")
    return mail


def _failed(desk: Desk, row: Row[Any], error: Exception, result: Sent) -> None:
    """Try again later what may yet succeed; give up what the server refuses for good."""
    code = getattr(error, "code", 0) or 0
    for_good = 500 <= code < 600 or isinstance(error, ValueError)
    give_up = for_good or row.attempts + 1 >= _MOST_ATTEMPTS
    wait = _FIRST_WAIT * 2**row.attempts
    # A server's words may repeat the address: only its code is kept.
    reason = f"{type(error).__name__} {code or ''}".strip()
    values = {"state": "failed", "address": ""} if give_up else {"state": "queued"}
    with desk.store.writing() as connection:
        connection.execute(
            update(tables.message)
            .where(tables.message.c.id == row.id)
            .values(**values, attempts=row.attempts + 1, error=reason, retry_at=desk.now() + wait)
        )
        if give_up:
            payload = {"key": row.key, "error": reason}
            log.append(connection, desk, SYSTEM, "message.failed", _subject(row), payload)
    result.failed += 1
