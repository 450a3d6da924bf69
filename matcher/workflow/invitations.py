"""Invitation rounds, reminders, answers and who came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from matcher.errors import ConflictError, InputError, NotFoundError
from matcher.languages import LANGUAGES
from matcher.records import Supplier
from matcher.store import dialogue as tables
from matcher.text import canonical_text
from matcher.workflow import cases, dialogues, letters, log, mail, shortlist
from matcher.workflow.desk import PUBLIC, Actor, Desk
from matcher.workflow.dialogues import Dialogue
from matcher.workflow.letters import Occasion
from matcher.workflow.shortlist import Place, State

ANSWER = "answer"
_MOST_REMINDERS = 3
_STILL_ANSWERED = timedelta(days=1)
_AWAITING = (State.INVITED, State.OPENED)
_INVITED = (*_AWAITING, State.ACCEPTED, State.DECLINED, State.ATTENDED)


@dataclass(frozen=True)
class Unsent:
    """A supplier that was sent no mail, and why: ``stopped`` or ``no address``."""

    supplier_id: str
    reason: str


@dataclass(frozen=True)
class Round:
    """What became of an invitation round or of reminders.

    Attributes:
        sent: Suppliers whose mail is on its way.
        without_mail: Suppliers that stand as invited but got no mail: somebody must reach them
            otherwise, or the open call does.
    """

    sent: tuple[str, ...]
    without_mail: tuple[Unsent, ...]


@dataclass(frozen=True)
class Invitation:
    """An invitation as the invited sees it."""

    place: Place
    dialogue: Dialogue
    needs: tuple[str, ...]
    buyers: tuple[str, ...]


def invite(desk: Desk, actor: Actor, dialogue_id: str) -> Round:
    """Invite everybody on the shortlist. Who was invited before is not invited again.

    Raises:
        ConflictError: There is no open call, the dialogue is not open, or nobody is listed.
    """
    actor.must_run_dialogues()
    with desk.store.writing() as connection:
        found = dialogues.get(connection, actor, dialogue_id)
        dialogues.require_open_call(found)
        if found.state is not dialogues.State.OPEN:
            raise ConflictError(f"this dialogue is {found.state}: open it first")
        listed = [
            p
            for p in shortlist.places(connection, actor, dialogue_id)
            if p.state is State.SHORTLISTED
        ]
        if not listed:
            raise ConflictError("nobody is on the shortlist who has not been invited")
        _set(connection, desk, listed, state=State.INVITED, invited_at=desk.now())
        done = _write_all(connection, desk, found, listed, reminds=False)
        log.append(
            connection,
            desk,
            actor,
            "round",
            f"dialogue:{dialogue_id}",
            {
                "open_call": found.plan.open_call,
                "pack": found.plan.pack.model_dump(mode="json"),
                "invited": [p.supplier_id for p in listed],
                "without_mail": [[u.supplier_id, u.reason] for u in done.without_mail],
            },
        )
        return done


def remind(desk: Desk, actor: Actor, dialogue_id: str) -> Round:
    """Remind those who have not answered, three times at most."""
    actor.must_run_dialogues()
    with desk.store.writing() as connection:
        found = dialogues.get(connection, actor, dialogue_id)
        if found.state is not dialogues.State.OPEN:
            raise ConflictError(f"this dialogue is {found.state}")
        waiting = [
            p
            for p in shortlist.places(connection, actor, dialogue_id)
            if p.state in _AWAITING and p.reminders < _MOST_REMINDERS
        ]
        done = _write_all(connection, desk, found, waiting, reminds=True)
        _set(connection, desk, waiting, reminders=tables.invitation.c.reminders + 1)
        log.append(
            connection,
            desk,
            actor,
            "reminders",
            f"dialogue:{dialogue_id}",
            {"reminded": list(done.sent)},
        )
        return done


def _write_all(
    connection: Connection, desk: Desk, found: Dialogue, listed: list[Place], reminds: bool
) -> Round:
    sent, without = [], []
    need_titles, buyers = _about(connection, desk, found)
    for place in listed:
        # One that has left stands on the list still, and gets no mail.
        supplier = desk.store.supplier_in(connection, place.supplier_id)
        language = language_of(supplier)
        about = Occasion(
            found.plan.title,
            tuple(titles.get(language, next(iter(titles.values()))) for titles in need_titles),
            buyers,
            found.plan.starts_at,
            found.plan.place,
            found.plan.link,
            found.plan.open_call,
            found.plan.pack.text_in(language),
        )
        link = desk.link(f"/answer/{answer_token(desk, place)}")
        letter = letters.invitation(desk, language, about, link, reminds)
        kind = "reminder" if reminds else "invitation"
        key = f"{kind}:{place.id}" + (f":{place.reminders + 1}" if reminds else "")
        outcome = mail.to_supplier(connection, desk, supplier, key, letter, found.id)
        if outcome == "sent":
            sent.append(place.supplier_id)
        else:
            without.append(Unsent(place.supplier_id, outcome))
    return Round(tuple(sent), tuple(without))


def answer_token(desk: Desk, place: Place) -> str:
    """Return the code of the personal link that answers an invitation."""
    return desk.signer.make(ANSWER, place.id)


def language_of(supplier: Supplier) -> str:
    """Return the language a supplier is written to in: the one it writes itself."""
    lang = canonical_text(supplier).lang
    return lang if lang in LANGUAGES else "en"


def _about(
    connection: Connection, desk: Desk, found: Dialogue
) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """Return each need's title by language (its first one first), and the buyers' names."""
    titles, buyers = [], []
    for need_id in found.plan.need_ids:
        case = cases.peek(connection, desk, need_id)
        if case is not None:
            texts = case.content.texts
            titles.append({t.lang: t.title or t.body[:200] for t in texts})
            buyers += [b.name for b in case.content.buyers]
    return titles, tuple(dict.fromkeys(buyers))


# -- answers


def by_token(desk: Desk, token: str) -> Invitation:
    """Return the invitation of a personal link and note that it was opened.

    Raises:
        NotFoundError: The link was not made here, or its invitation is gone.
    """
    place_id = desk.signer.read(ANSWER, token)
    if place_id is None:
        raise NotFoundError("this link leads nowhere: is it whole?")
    with desk.store.writing() as connection:
        place = shortlist.by_id(connection, place_id)
        if place.state is State.INVITED:
            _set(connection, desk, [place], state=State.OPENED, opened_at=desk.now())
            _log(connection, desk, PUBLIC, "invitation.opened", place, {})
        return _invitation(connection, desk, shortlist.by_id(connection, place_id))


def answer_by_token(desk: Desk, token: str, accepts: bool, text: str) -> Invitation:
    """Answer an invitation by its personal link."""
    place = by_token(desk, token).place
    return _answer(desk, PUBLIC, place.id, accepts, text)


def own(connection: Connection, desk: Desk, actor: Actor) -> list[Invitation]:
    """Return the invitations of the suppliers an actor acts for."""
    table = tables.invitation
    rows = connection.execute(
        select(table.c.id)
        .where(table.c.supplier_id.in_(actor.suppliers), table.c.state.in_(_INVITED))
        .order_by(table.c.invited_at.desc())
    ).scalars()
    return [_invitation(connection, desk, shortlist.by_id(connection, i)) for i in rows.all()]


def answer(desk: Desk, actor: Actor, place_id: str, accepts: bool, text: str) -> Invitation:
    """Answer an invitation of a supplier the actor acts for."""
    with desk.store.reading() as connection:
        place = shortlist.by_id(connection, place_id)
    if place.supplier_id not in actor.suppliers or place.state not in _INVITED:
        raise NotFoundError("there is no such invitation")
    return _answer(desk, actor.id, place_id, accepts, text)


def _answer(desk: Desk, who: str, place_id: str, accepts: bool, text: str) -> Invitation:
    with desk.store.writing() as connection:
        place = shortlist.by_id(connection, place_id)
        found = _dialogue(connection, place)
        over = found.state is not dialogues.State.OPEN
        ends = found.plan.ends_at or found.plan.starts_at
        if over or (ends is not None and desk.now() > ends + _STILL_ANSWERED):
            raise ConflictError("this dialogue no longer takes answers")
        if place.state not in (*_AWAITING, State.ACCEPTED, State.DECLINED):
            raise ConflictError(f"this invitation cannot be answered: it is {place.state}")
        state = State.ACCEPTED if accepts else State.DECLINED
        _set(connection, desk, [place], state=state, answered_at=desk.now(), answer=text)
        _log(connection, desk, who, f"invitation.{state}", place, {"text": text})
        return _invitation(connection, desk, shortlist.by_id(connection, place_id))


def attended(desk: Desk, actor: Actor, dialogue_id: str, supplier_ids: Iterable[str]) -> int:
    """Note who came; return how many. Only who was invited can have come by invitation.

    Raises:
        InputError: Somebody was not invited.
    """
    actor.must_run_dialogues()
    with desk.store.writing() as connection:
        dialogues.get(connection, actor, dialogue_id)
        came = []
        for supplier_id in dict.fromkeys(supplier_ids):
            place = shortlist.find(connection, dialogue_id, supplier_id)
            if place is None or place.state not in _INVITED:
                raise InputError(f"{supplier_id!r} was not invited")
            came.append(place)
        _set(connection, desk, came, state=State.ATTENDED)
        log.append(
            connection,
            desk,
            actor,
            "attendance",
            f"dialogue:{dialogue_id}",
            {"attended": [p.supplier_id for p in came]},
        )
        return len(came)


def stop_mail(desk: Desk, token: str) -> None:
    """Stop mail by the personal link that every such mail carries.

    Raises:
        NotFoundError: The link was not made here.
    """
    owner = desk.signer.read(mail.STOP, token)
    if owner is None:
        raise NotFoundError("this link leads nowhere: is it whole?")
    with desk.store.writing() as connection:
        kind, _, key = owner.partition(":")
        if kind == "subscription":
            table = tables.subscription
            connection.execute(update(table).where(table.c.id == key).values(mail=False))
        else:
            mail.stop(connection, desk, owner, "unsubscribed")
        log.append(connection, desk, PUBLIC, "mail.stopped", owner, {})


def _invitation(connection: Connection, desk: Desk, place: Place) -> Invitation:
    found = _dialogue(connection, place)
    titles, buyers = _about(connection, desk, found)
    return Invitation(place, found, tuple(next(iter(t.values())) for t in titles), buyers)


def _dialogue(connection: Connection, place: Place) -> Dialogue:
    return dialogues.read(connection, place.dialogue_id)


def _set(connection: Connection, desk: Desk, listed: list[Place], **values: Any) -> None:
    """Change places that still are what they were when they were read, or none.

    Raises:
        ConflictError: Somebody else was faster; on SQLite writers wait for each other anyway.
    """
    table = tables.invitation
    for place in listed:
        hit = connection.execute(
            update(table)
            .where(
                table.c.id == place.id,
                table.c.state == place.state,
                table.c.reminders == place.reminders,
            )
            .values(changed_at=desk.now(), **values)
        )
        if not hit.rowcount:
            raise ConflictError("somebody else changed this list at the same time: look again")


def _log(
    connection: Connection, desk: Desk, who: str, kind: str, place: Place, payload: dict[str, Any]
) -> None:
    payload = {"supplier_id": place.supplier_id, **payload}
    log.append(connection, desk, who, kind, f"dialogue:{place.dialogue_id}", payload)
