"""Suppliers at work: claiming a profile, writing it, its review, expiry, renewal and end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from matcher.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from matcher.records import Contact, Kind, Supplier, Text
from matcher.service import Matches
from matcher.store import dialogue as tables
from matcher.store import people, schema
from matcher.store.plan import PROFILE
from matcher.workflow import access, accounts, dialogues, invitations, letters, log, mail
from matcher.workflow.accounts import clean_email
from matcher.workflow.desk import Actor, Desk, Role
from matcher.workflow.signing import digest

_CLAIM = "claim"
_CLAIM_VALID = timedelta(days=3)
_WARNED = timedelta(days=30)


class State(StrEnum):
    """Where a profile stands. What is published stays shown while a change awaits review."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    PUBLISHED = "published"
    RETURNED = "returned"
    EXPIRED = "expired"


class Content(BaseModel):
    """What a supplier says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: tuple[Text, ...] = Field(min_length=1, max_length=24)
    url: str = ""
    region: str = ""
    municipality: str = ""
    cpv: tuple[str, ...] = ()
    employees: int | None = Field(None, ge=0, le=10_000_000)
    # Where mail goes: a role mailbox rather than a person's. Kept apart from the record.
    mailbox: str = Field("", exclude=True, repr=False)


@dataclass(frozen=True)
class Profile:
    """A supplier's profile under its owner's hand."""

    supplier_id: str
    state: State
    content: Content
    open_to_partners: bool
    review_reason: str
    changed_at: datetime
    published_at: datetime | None
    expires_at: datetime | None


# -- claiming


def ask_claim(desk: Desk, actor: Actor, supplier_id: str) -> None:
    """Send a link to the mailbox that the register has for a supplier.

    Raises:
        ForbiddenError: Not a supplier's account.
        ConflictError: No mailbox is known, or a link was sent within the day.
    """
    _must_be_supplier(actor)
    supplier = desk.store.supplier(supplier_id)
    with desk.store.writing() as connection:
        address = mail.supplier_address(connection, supplier_id)
        if not address:
            raise ConflictError("no mailbox is known for this company: a broker can help")
        table = people.one_time
        recent = connection.execute(
            select(table.c.token_digest).where(
                table.c.purpose == _CLAIM,
                table.c.subject == supplier_id,
                table.c.created_at > desk.now() - timedelta(days=1),
            )
        ).first()
        if recent is not None:
            raise ConflictError("a link was sent to this company within the last day")
        secret = access.offer(connection, desk, _CLAIM, _CLAIM_VALID, actor.id, supplier_id)
        language = invitations.language_of(supplier)
        letter = letters.claim(desk, language, supplier.name, desk.link(f"/claim/{secret}"))
        key = f"claim:{digest(secret)}"
        mail.to_address(connection, desk, address, f"supplier:{supplier_id}", key, letter)
        log.append(connection, desk, actor, "claim.asked", f"supplier:{supplier_id}", {})


def take_claim(desk: Desk, actor: Actor, secret: str) -> str:
    """Take over the profile by a link from the mailbox; return the supplier's id.

    Raises:
        UnauthenticatedError: The link was used or is too old.
        ForbiddenError: Another account asked for it.
    """
    _must_be_supplier(actor)
    with desk.store.writing() as connection:
        row = access.take_up(connection, desk, _CLAIM, secret)
        if row.account_id != actor.id:
            raise ForbiddenError("this link was made for another account")
        _bind(connection, desk, actor, actor.id, row.subject, "mailbox")
        return str(row.subject)


def claim_by_invitation(desk: Desk, actor: Actor, token: str) -> str:
    """Take over the profile of the supplier that an invitation was sent to.

    Raises:
        NotFoundError: The link was not made here.
        ConflictError: The dialogue it invited to is over.
    """
    _must_be_supplier(actor)
    place = invitations.by_token(desk, token).place
    with desk.store.writing() as connection:
        if dialogues.is_over(connection, place.dialogue_id):
            raise ConflictError("this invitation is over: ask for a link to the mailbox")
        _bind(connection, desk, actor, actor.id, place.supplier_id, "invitation")
    return place.supplier_id


def grant(desk: Desk, actor: Actor, account_id: str, supplier_id: str) -> None:
    """Let a supplier's account act for a supplier, on a broker's word."""
    actor.must_run_dialogues()
    with desk.store.writing() as connection:
        if accounts.get(connection, account_id).role is not Role.SUPPLIER:
            raise ConflictError("only a supplier's account acts for suppliers")
        _bind(connection, desk, actor, account_id, supplier_id, "broker")


def _bind(
    connection: Connection, desk: Desk, actor: Actor, account_id: str, supplier_id: str, how: str
) -> None:
    desk.store.supplier(supplier_id)
    table = people.account_supplier
    known = connection.execute(
        select(table).where(table.c.account_id == account_id, table.c.supplier_id == supplier_id)
    ).first()
    if known is None:
        connection.execute(
            insert(table).values(account_id=account_id, supplier_id=supplier_id, since=desk.now())
        )
    payload = {"account": account_id, "how": how}
    log.append(connection, desk, actor, "claim.taken", f"supplier:{supplier_id}", payload)


# -- writing


def profile(connection: Connection, desk: Desk, actor: Actor, supplier_id: str) -> Profile:
    """Return a profile for its owner or a broker; an unwritten one shows the record.

    Raises:
        NotFoundError: It is neither the actor's own nor the actor a broker.
    """
    _must_own(actor, supplier_id)
    row = _row(connection, supplier_id)
    if row is not None:
        return _profile(row)
    record = desk.store.supplier(supplier_id)
    content = Content(
        texts=record.texts,
        url=record.url,
        region=record.region,
        municipality=record.municipality,
        cpv=record.cpv,
        employees=record.employees,
    )
    return Profile(supplier_id, State.DRAFT, content, False, "", desk.now(), None, None)


def write(
    desk: Desk, actor: Actor, supplier_id: str, content: Content, open_to_partners: bool
) -> Profile:
    """Write a draft of a profile; what is published stays shown until a review."""
    _check(content)
    with desk.store.writing() as connection:
        _must_own(actor, supplier_id)
        desk.store.supplier_in(connection, supplier_id)
        if content.mailbox:
            _set_mailbox(connection, supplier_id, clean_email(content.mailbox))
        values = {
            "state": State.DRAFT,
            "content": content.model_dump(mode="json"),
            "open_to_partners": open_to_partners,
            "review_reason": "",
            "changed_at": desk.now(),
        }
        table = tables.profile
        if _row(connection, supplier_id) is None:
            values |= {"supplier_id": supplier_id, "created_at": desk.now()}
            connection.execute(insert(table).values(values))
        else:
            _set(connection, supplier_id, **values)
        return profile(connection, desk, actor, supplier_id)


def matches(desk: Desk, actor: Actor, supplier_id: str, k: int) -> Matches:
    """Rank needs for a profile as it is written now, published or not, with the reasons."""
    with desk.store.reading() as connection:
        found = profile(connection, desk, actor, supplier_id)
        record = _record(desk.store.supplier_in(connection, supplier_id), found.content)
    return desk.matching.match(record, Kind.SUPPLIER, k)


def submit(desk: Desk, actor: Actor, supplier_id: str) -> Profile:
    """Hand a profile in for review."""
    with desk.store.writing() as connection:
        found = profile(connection, desk, actor, supplier_id)
        if found.state not in (State.DRAFT, State.RETURNED, State.EXPIRED):
            raise ConflictError(f"this profile is {found.state}")
        if _row(connection, supplier_id) is None:
            raise ConflictError("write the profile first")
        _set(connection, supplier_id, state=State.SUBMITTED)
        log.append(connection, desk, actor, "profile.submitted", f"supplier:{supplier_id}", {})
        return profile(connection, desk, actor, supplier_id)


def awaiting_review(
    connection: Connection, actor: Actor, offset: int, limit: int
) -> tuple[int, list[Profile]]:
    """Return how many profiles await review, and some of them, the oldest first."""
    actor.must_run_dialogues()
    query = select(tables.profile).where(tables.profile.c.state == State.SUBMITTED)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(
        query.order_by(tables.profile.c.changed_at).offset(offset).limit(limit)
    )
    return total, [_profile(row) for row in rows]


def review(desk: Desk, actor: Actor, supplier_id: str, publishes: bool, reason: str) -> Profile:
    """Publish a profile or return it with the reason; its owners are told."""
    actor.must_run_dialogues()
    if not publishes and not reason.strip():
        raise InputError("say what needs to be changed")
    with desk.store.writing() as connection:
        found = profile(connection, desk, actor, supplier_id)
        if found.state is not State.SUBMITTED:
            raise ConflictError(f"this profile is {found.state}, it does not await review")
        if publishes:
            _publish(connection, desk, supplier_id, found.content)
        state = State.PUBLISHED if publishes else State.RETURNED
        _set(connection, supplier_id, state=state, review_reason=reason, reviewed_by=actor.id)
        kind = "profile.published" if publishes else "profile.returned"
        subject = f"supplier:{supplier_id}"
        number = log.append(connection, desk, actor, kind, subject, {"reason": reason})
        name = desk.store.supplier_in(connection, supplier_id).name
        for account in owners(connection, supplier_id):
            letter = letters.review(desk, account.language, name, publishes, reason)
            mail.to_account(connection, desk, account, f"review:{number}", letter, "")
        return profile(connection, desk, actor, supplier_id)


def renew(desk: Desk, actor: Actor, supplier_id: str) -> Profile:
    """Renew a profile that was published and has not been changed since."""
    with desk.store.writing() as connection:
        found = profile(connection, desk, actor, supplier_id)
        if found.state not in (State.PUBLISHED, State.EXPIRED):
            raise ConflictError(f"this profile is {found.state}: only a published one is renewed")
        _publish(connection, desk, supplier_id, found.content)
        _set(connection, supplier_id, state=State.PUBLISHED)
        log.append(connection, desk, actor, "profile.renewed", f"supplier:{supplier_id}", {})
        return profile(connection, desk, actor, supplier_id)


def expire(desk: Desk) -> int:
    """Warn the owners of profiles that run out soon, take out those that have; return these."""
    table, now = tables.profile, desk.now()
    with desk.store.writing() as connection:
        published = select(table).where(table.c.state == State.PUBLISHED)
        soon = connection.execute(published.where(table.c.expires_at <= now + _WARNED)).all()
        for row in soon:
            # Its record may be gone: merged into another's, or taken out.
            supplier = desk.store.supplier_in(connection, row.supplier_id)
            for account in owners(connection, row.supplier_id):
                letter = letters.renewal(desk, account.language, supplier.name)
                key = f"renewal:{row.supplier_id}:{row.expires_at.date()}"
                mail.to_account(connection, desk, account, key, letter, "")
        over = [row.supplier_id for row in soon if row.expires_at <= now]
        for supplier_id in over:
            _set(connection, supplier_id, state=State.EXPIRED)
            _hide(connection, desk, supplier_id)
            log.append(connection, desk, "system", "profile.expired", f"supplier:{supplier_id}", {})
        return len(over)


def mute(desk: Desk, actor: Actor, supplier_id: str, until: datetime | None) -> None:
    """Send a supplier no mail until a time; None takes the mute back."""
    _must_own(actor, supplier_id)
    owner = f"supplier:{supplier_id}"
    with desk.store.writing() as connection:
        if until is None:
            mail.start(connection, owner, "muted")
            mail.start(connection, owner, "unsubscribed")
        else:
            mail.stop(connection, desk, owner, "muted", until)


def protect(desk: Desk, actor: Actor, supplier_id: str, protected: bool) -> None:
    """Note that a supplier is protected against unsolicited mail, or no longer."""
    actor.must_run_dialogues()
    desk.store.supplier(supplier_id)
    owner = f"supplier:{supplier_id}"
    with desk.store.writing() as connection:
        if protected:
            mail.stop(connection, desk, owner, "protected")
        else:
            mail.start(connection, owner, "protected")
        log.append(connection, desk, actor, "mail.protected", owner, {"protected": protected})


def leave(desk: Desk, actor: Actor, supplier_id: str) -> None:
    """Take a supplier out at its own wish: profile, record, contact, subscriptions.

    No feed brings it back. What stands in the record of past dialogues stays there.
    """
    _must_own(actor, supplier_id)
    with desk.store.writing() as connection:
        _publish_as_own(connection, desk, desk.store.supplier_in(connection, supplier_id))
        desk.store.delete_in(connection, Kind.SUPPLIER, supplier_id)
        for table in (tables.profile, people.account_supplier, tables.subscription):
            connection.execute(delete(table).where(table.c.supplier_id == supplier_id))
        connection.execute(
            update(tables.interest)
            .where(tables.interest.c.supplier_id == supplier_id)
            .values(state="withdrawn", text="")
        )
        mail.stop(connection, desk, f"supplier:{supplier_id}", "left")
        log.append(connection, desk, actor, "supplier.left", f"supplier:{supplier_id}", {})


def owners(connection: Connection, supplier_id: str) -> list[accounts.Account]:
    """Return the accounts that act for a supplier."""
    table = people.account_supplier
    ids = connection.execute(
        select(table.c.account_id).where(table.c.supplier_id == supplier_id)
    ).scalars()
    return [accounts.get(connection, i) for i in ids.all()]


def _publish(connection: Connection, desk: Desk, supplier_id: str, content: Content) -> None:
    now = desk.now()
    # An expired profile has a record too, though no list shows it.
    record = _record(desk.store.supplier_in(connection, supplier_id), content)
    _publish_as_own(connection, desk, record)
    expires = now + timedelta(days=desk.settings.profile_days)
    _set(connection, supplier_id, published_at=now, expires_at=expires)


def _publish_as_own(connection: Connection, desk: Desk, record: Supplier) -> None:
    """Save a record as its owner's, with the mailbox that is kept for it."""
    address = mail.supplier_address(connection, record.id)
    contact = Contact(email=address) if address else None
    own = record.model_copy(update={"source": PROFILE, "contact": contact})
    desk.store.save_in(connection, own, take_over=True)


def _hide(connection: Connection, desk: Desk, supplier_id: str) -> None:
    address = mail.supplier_address(connection, supplier_id)
    with suppress(NotFoundError):
        desk.store.delete_in(connection, Kind.SUPPLIER, supplier_id)
    # Hidden is not gone: its owner is still written to.
    if address:
        _set_mailbox(connection, supplier_id, address)


def _record(record: Supplier, content: Content) -> Supplier:
    return record.model_copy(update=content.model_dump() | {"texts": content.texts})


def _set_mailbox(connection: Connection, supplier_id: str, address: str) -> None:
    table = schema.contact
    connection.execute(delete(table).where(table.c.supplier_id == supplier_id))
    connection.execute(
        insert(table).values(supplier_id=supplier_id, name="", email=address, phone="")
    )


def _check(content: Content) -> None:
    if not any(t.body.strip() for t in content.texts):
        raise InputError("a profile must say what the company does")
    languages = [t.lang for t in content.texts]
    if len(set(languages)) < len(languages):
        raise InputError("a profile has one text a language")
    if content.url and not dialogues.is_web_address(content.url):
        raise InputError("url: no web address (https://...)")


def _must_be_supplier(actor: Actor) -> None:
    if actor.role is not Role.SUPPLIER:
        raise ForbiddenError("only a supplier's account can take over a profile")


def _must_own(actor: Actor, supplier_id: str) -> None:
    if not actor.runs_dialogues and supplier_id not in actor.suppliers:
        raise NotFoundError(f"no profile {supplier_id!r} of yours")


def _set(connection: Connection, supplier_id: str, **values: Any) -> None:
    table = tables.profile
    connection.execute(update(table).where(table.c.supplier_id == supplier_id).values(**values))


def _row(connection: Connection, supplier_id: str) -> Row[Any] | None:
    table = tables.profile
    query = select(table).where(table.c.supplier_id == supplier_id)
    return connection.execute(query).one_or_none()


def _profile(row: Row[Any]) -> Profile:
    return Profile(
        row.supplier_id,
        State(row.state),
        Content(**row.content),
        row.open_to_partners,
        row.review_reason,
        row.changed_at,
        row.published_at,
        row.expires_at,
    )
