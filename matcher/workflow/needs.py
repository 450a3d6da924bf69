"""The life of a need: draft, published, in dialogue, in procurement, done or withdrawn.

A draft is kept apart from the records, so that nothing finds it. Publishing writes the record;
withdrawing takes it out. Every step is an event with its reason, and every content a version.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, update

from matcher.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from matcher.records import Buyer, Commitment, Kind
from matcher.store import dialogue as tables
from matcher.store import people
from matcher.store.buyers import buyer_key, ensure_buyers
from matcher.workflow import cases, log
from matcher.workflow.cases import NEXT, Case, Content, State
from matcher.workflow.desk import Actor, Desk, Role, new_id


def create(desk: Desk, actor: Actor, content: Content) -> Case:
    """Write a draft; a buyer's account must be among its buyers.

    Raises:
        ForbiddenError: The actor is neither broker nor one of the buyers.
        InputError: The texts are empty, or more than one buyer leads.
    """
    with desk.store.writing() as connection:
        return create_in(connection, desk, actor, content)


def create_in(connection: Connection, desk: Desk, actor: Actor, content: Content) -> Case:
    """Write a draft within a transaction."""
    if actor.role not in (Role.BROKER, Role.BUYER, Role.ADMIN):
        raise ForbiddenError("needs are written by buyers and brokers")
    _check(content)
    need_id = f"n-{new_id()}"
    ids = _open(connection, desk, need_id, State.DRAFT, content, actor.id)
    if actor.role is Role.BUYER:
        if actor.buyer_id not in ids:
            raise ForbiddenError("your organisation must be one of the need's buyers")
        for buyer_id, buyer in zip(ids, content.buyers, strict=True):
            speaks = buyer.lead or buyer.commitment is not Commitment.OBSERVES
            if buyer_id != actor.buyer_id and speaks:
                raise ForbiddenError("a buyer speaks for itself alone: others observe at first")
    event(connection, desk, actor, need_id, "created", "", content)
    return cases.get(connection, need_id)


def take_on(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    """Return a need as one under work; a record that came from a feed becomes one.

    If the feed changed the record since, its content becomes a new version, so that whatever
    was ranked before can still be read as it was.
    """
    if actor.role is not Role.BUYER:
        actor.must_run_dialogues()
    else:
        return cases.case(connection, desk, actor, need_id)
    return _take_on(connection, desk, actor, need_id)


def _take_on(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    table = tables.need_case
    known = connection.execute(select(table.c.created_by).where(table.c.need_id == need_id))
    created_by = known.scalar_one_or_none()
    if created_by not in (None, cases.FEED):
        return cases.case(connection, desk, actor, need_id)
    content = cases.content_of(desk.store.need(need_id))
    if created_by is None:
        _open(connection, desk, need_id, State.PUBLISHED, content, cases.FEED)
        event(connection, desk, actor, need_id, "taken_on", "", content)
    elif cases.get(connection, need_id).content != content:
        _write(connection, desk, actor, need_id, content, "the feed changed it")
    return cases.get(connection, need_id)


def take_on_own(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    """Return a need as one under work for a broker, or for a buyer that has a part in it.

    Raises:
        NotFoundError: It is neither.
    """
    if not actor.runs_dialogues:
        found = cases.peek(connection, desk, need_id)
        if found is None or actor.buyer_id not in found.buyer_ids:
            raise NotFoundError(f"no need {need_id!r} of yours")
    return _take_on(connection, desk, actor, need_id)


def edit(desk: Desk, actor: Actor, need_id: str, content: Content, reason: str) -> Case:
    """Write a new version of a need.

    Raises:
        ConflictError: The need is over, or belongs to a feed.
        ForbiddenError: A buyer would change another buyer's part in it.
    """
    _check(content)
    with desk.store.writing() as connection:
        found = cases.case(connection, desk, actor, need_id)
        if not found.own:
            raise ConflictError("this need comes from a feed and is changed there")
        _must_speak(connection, actor, found)
        if found.state in (State.DONE, State.WITHDRAWN):
            raise ConflictError(f"this need is {found.state} and can no longer be changed")
        if not actor.runs_dialogues and _parts_of_others(found.content, content, found, actor):
            raise ForbiddenError("the other buyers' part in a need is theirs to change")
        _write(connection, desk, actor, need_id, content, reason)
        return cases.get(connection, need_id)


def commit(
    desk: Desk, actor: Actor, need_id: str, buyer_id: int, commitment: Commitment, reason: str
) -> Case:
    """Set how far a buyer binds itself: by that buyer, or by a broker on its word."""
    with desk.store.writing() as connection:
        found = cases.case(connection, desk, actor, need_id)
        if not actor.runs_dialogues and actor.buyer_id != buyer_id:
            raise ForbiddenError("a buyer speaks for itself alone")
        set_commitment(connection, desk, actor, found, buyer_id, commitment, reason)
        return cases.get(connection, need_id)


def set_commitment(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    found: Case,
    buyer_id: int,
    commitment: Commitment,
    reason: str,
) -> None:
    """Set a buyer's commitment within a transaction."""
    if buyer_id not in found.buyer_ids:
        raise NotFoundError(f"buyer {buyer_id} has no part in need {found.need_id!r}")
    if not found.own:
        raise ConflictError("this need comes from a feed: make it part of a joint need first")
    place = found.buyer_ids.index(buyer_id)
    buyers = tuple(
        b.model_copy(update={"commitment": commitment}) if n == place else b
        for n, b in enumerate(found.content.buyers)
    )
    content = found.content.model_copy(update={"buyers": buyers})
    _write(connection, desk, actor, found.need_id, content, reason)
    log.append(
        connection,
        desk,
        actor,
        "need.commitment",
        f"need:{found.need_id}",
        {"buyer_id": buyer_id, "commitment": commitment, "reason": reason},
    )


def move(desk: Desk, actor: Actor, need_id: str, to: State, reason: str) -> Case:
    """Take a need to another state; the parts of a joint need go with it.

    Raises:
        ConflictError: That state does not follow from the present one.
        ForbiddenError: A buyer that neither leads the need nor wrote it.
    """
    with desk.store.writing() as connection:
        found = cases.case(connection, desk, actor, need_id)
        _must_speak(connection, actor, found)
        if found.joint_id and to is not State.WITHDRAWN:
            raise ConflictError(f"this need is part of the joint need {found.joint_id!r}")
        move_in(connection, desk, actor, found, to, reason)
        return cases.get(connection, need_id)


def move_in(
    connection: Connection, desk: Desk, actor: Actor, found: Case, to: State, reason: str
) -> None:
    """Take a need to another state within a transaction."""
    if to not in NEXT[found.state]:
        possible = ", ".join(sorted(NEXT[found.state])) or "nothing"
        raise ConflictError(f"a need that is {found.state} can become {possible}, not {to}")
    connection.execute(
        update(tables.need_case)
        .where(tables.need_case.c.need_id == found.need_id)
        .values(state=to, changed_at=desk.now())
    )
    if found.own:
        if to is State.PUBLISHED and found.state is State.DRAFT:
            desk.store.save_in(connection, found.record)
        elif to is State.WITHDRAWN and found.state is not State.DRAFT:
            desk.store.delete_in(connection, Kind.NEED, found.need_id)
    event(connection, desk, actor, found.need_id, f"to_{to}", reason)
    for part in cases.parts_of(connection, found.need_id):
        if to is State.WITHDRAWN:
            _release(connection, desk, actor, part, reason)
        elif to in NEXT[part.state]:
            move_in(connection, desk, actor, part, to, f"{found.need_id}: {reason}")


def _release(connection: Connection, desk: Desk, actor: Actor, part: Case, reason: str) -> None:
    """Let a part of a joint need that is withdrawn go on by itself."""
    table = tables.need_case
    connection.execute(update(table).where(table.c.need_id == part.need_id).values(joint_id=None))
    event(connection, desk, actor, part.need_id, "left_joint", reason)
    if part.state is State.IN_DIALOGUE:
        move_in(connection, desk, actor, part, State.PUBLISHED, reason)


def event(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    need_id: str,
    action: str,
    reason: str,
    content: Content | None = None,
) -> None:
    """Add a step to the cases.history of a need, and to the log."""
    table, cases = tables.need_event, tables.need_case
    state, version = connection.execute(
        select(cases.c.state, cases.c.version).where(cases.c.need_id == need_id)
    ).one()
    last = connection.execute(
        select(func.coalesce(func.max(table.c.number), 0)).where(table.c.need_id == need_id)
    ).scalar_one()
    connection.execute(
        insert(table).values(
            need_id=need_id,
            number=last + 1,
            at=desk.now(),
            actor=actor.id,
            action=action,
            state=state,
            version=version,
            reason=reason,
            content=content.model_dump(mode="json") if content else None,
        )
    )
    log.append(
        connection,
        desk,
        actor,
        f"need.{action}",
        f"need:{need_id}",
        {"state": state, "version": version, "reason": reason},
    )


def _write(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    need_id: str,
    content: Content,
    reason: str,
) -> None:
    table = tables.need_case
    connection.execute(
        update(table)
        .where(table.c.need_id == need_id)
        .values(
            version=table.c.version + 1,
            content=content.model_dump(mode="json"),
            changed_at=desk.now(),
        )
    )
    _set_parties(connection, need_id, content)
    changed = cases.get(connection, need_id)
    if changed.own and changed.state not in (State.DRAFT, State.WITHDRAWN):
        desk.store.save_in(connection, changed.record)
    event(connection, desk, actor, need_id, "edited", reason, content)


def _check(content: Content) -> None:
    if not any(t.title.strip() or t.body.strip() for t in content.texts):
        raise InputError("a need must say something, in at least one language")
    languages = [t.lang for t in content.texts]
    if len(set(languages)) < len(languages):
        raise InputError("a need has one text a language")
    if sum(b.lead for b in content.buyers) > 1:
        raise InputError("one buyer leads")
    keys = [buyer_key(b) for b in content.buyers]
    if len(set(keys)) < len(keys):
        raise InputError("a buyer stands on the list once")


def _open(
    connection: Connection,
    desk: Desk,
    need_id: str,
    state: State,
    content: Content,
    created_by: str,
) -> tuple[int, ...]:
    now = desk.now()
    connection.execute(
        insert(tables.need_case).values(
            need_id=need_id,
            state=state,
            version=1,
            content=content.model_dump(mode="json"),
            created_by=created_by,
            created_at=now,
            changed_at=now,
        )
    )
    return _set_parties(connection, need_id, content)


def _set_parties(connection: Connection, need_id: str, content: Content) -> tuple[int, ...]:
    known = ensure_buyers(connection, {buyer_key(b): b for b in content.buyers})
    ids = tuple(known[buyer_key(b)] for b in content.buyers)
    party = tables.need_party
    connection.execute(delete(party).where(party.c.need_id == need_id))
    if ids:
        connection.execute(
            insert(party), [{"need_id": need_id, "buyer_id": i} for i in dict.fromkeys(ids)]
        )
    return ids


def _must_speak(connection: Connection, actor: Actor, found: Case) -> None:
    """Refuse a buyer that has a part in a need, but not the say.

    The say has the lead; where nobody leads, the buyer whose account wrote the need; where a
    broker or a feed did, every buyer.
    """
    if actor.runs_dialogues:
        return
    parties = zip(found.buyer_ids, found.content.buyers, strict=True)
    speaker = next((i for i, buyer in parties if buyer.lead), None)
    if speaker is None:
        table = people.account
        wrote = select(table.c.buyer_id).where(table.c.id == found.created_by)
        speaker = connection.execute(wrote).scalar_one_or_none()
    if speaker is not None and speaker in found.buyer_ids and speaker != actor.buyer_id:
        raise ForbiddenError("the buyer that leads this need decides about it")


def _parts_of_others(old: Content, new: Content, found: Case, actor: Actor) -> bool:
    """Tell whether anything but the actor's own place among the buyers differs."""
    own = {
        buyer_key(b)
        for b, i in zip(old.buyers, found.buyer_ids, strict=True)
        if i == actor.buyer_id
    }

    def others(content: Content) -> list[Buyer]:
        return [b for b in content.buyers if buyer_key(b) not in own]

    return others(old) != others(new) or not own & {buyer_key(b) for b in new.buyers}
