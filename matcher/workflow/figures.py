"""Figures: who is exposed in dialogues, and what the programme has done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, distinct, func, select

from matcher.records import Supplier
from matcher.store import dialogue as tables
from matcher.store import schema
from matcher.workflow import dialogues
from matcher.workflow.cases import State as NeedState
from matcher.workflow.desk import Actor, Desk
from matcher.workflow.shortlist import State

SIZES = ((0, "0-9"), (10, "10-49"), (50, "50-249"), (250, "250+"))
STEPS: dict[str, frozenset[State]] = {
    "listed": frozenset(State),
    "invited": frozenset(
        {State.INVITED, State.OPENED, State.ACCEPTED, State.DECLINED, State.ATTENDED}
    ),
    "accepted": frozenset({State.ACCEPTED, State.ATTENDED}),
    "attended": frozenset({State.ATTENDED}),
}
"""How far a supplier came. Who attended is counted as invited and accepted too."""

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Exposure:
    """Who came how far, by what suppliers are: dimension -> value -> step -> count.

    Attributes:
        total: Step -> count.
        size, country, region, newcomer, language: Value -> step -> count. A newcomer had not
            been invited to any dialogue before.
        months: Month of the invitation -> step -> count.
    """

    total: dict[str, int]
    size: Counts
    country: Counts
    region: Counts
    newcomer: Counts
    language: Counts
    months: Counts


@dataclass(frozen=True)
class Figures:
    """What the programme has done."""

    needs: dict[str, int]
    joint_needs: int
    buyers: int
    dialogues: dict[str, int]
    suppliers_listed: int
    suppliers_invited: int
    contacts_made: int
    suppliers_attended: int
    interests: int
    reverse_dialogues: int
    needs_in_procurement: int


def exposure(desk: Desk, actor: Actor, dialogue_id: str = "") -> Exposure:
    """Count who came how far, in one dialogue or in all."""
    with desk.store.reading() as connection:
        if dialogue_id:
            dialogues.get(connection, actor, dialogue_id)
        else:
            actor.must_run_dialogues()
        return exposure_in(connection, desk, dialogue_id)


def exposure_in(connection: Connection, desk: Desk, dialogue_id: str = "") -> Exposure:
    """Count within a transaction."""
    table = tables.invitation
    query = select(table.c.supplier_id, table.c.dialogue_id, table.c.state, table.c.invited_at)
    if dialogue_id:
        query = query.where(table.c.dialogue_id == dialogue_id)
    rows = connection.execute(query).all()
    first = _first_invitations(connection)
    suppliers = _suppliers(connection, desk, {r.supplier_id for r in rows})
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    total: Counter[str] = Counter()
    for row in rows:
        steps = [name for name, states in STEPS.items() if State(row.state) in states]
        total.update(steps)
        for dimension, value in _values(row, suppliers.get(row.supplier_id), first):
            counts[dimension][value].update(steps)

    def by(dimension: str) -> Counts:
        return {value: dict(steps) for value, steps in sorted(counts[dimension].items())}

    return Exposure(
        {step: total[step] for step in STEPS},
        *(by(d) for d in ("size", "country", "region", "newcomer", "language", "months")),
    )


def programme(desk: Desk, actor: Actor) -> Figures:
    """Count needs, buyers, dialogues, suppliers reached and what became of them."""
    actor.must_run_dialogues()
    case, place = tables.need_case, tables.invitation
    with desk.store.reading() as connection:

        def number(query: Any) -> int:
            return int(connection.execute(query).scalar_one())

        def reached(states: Iterable[State]) -> int:
            wanted = [str(s) for s in states]
            return number(
                select(func.count(distinct(place.c.supplier_id))).where(place.c.state.in_(wanted))
            )

        def by_state(table: Any) -> dict[str, int]:
            rows = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
            return {row[0]: row[1] for row in rows}

        needs = by_state(case)
        went = [NeedState.IN_PROCUREMENT, NeedState.DONE]
        return Figures(
            needs=needs,
            joint_needs=number(select(func.count(distinct(case.c.joint_id)))),
            buyers=number(select(func.count(distinct(tables.need_party.c.buyer_id)))),
            dialogues=by_state(tables.dialogue),
            suppliers_listed=reached(STEPS["listed"]),
            suppliers_invited=reached(STEPS["invited"]),
            contacts_made=number(
                select(func.count())
                .select_from(place)
                .where(place.c.state.in_([State.ACCEPTED, State.ATTENDED]))
            ),
            suppliers_attended=reached(STEPS["attended"]),
            interests=number(
                select(func.count())
                .select_from(tables.interest)
                .where(tables.interest.c.state == "open")
            ),
            reverse_dialogues=number(select(func.count()).select_from(tables.reverse_dialogue)),
            needs_in_procurement=sum(needs.get(state, 0) for state in went),
        )


def size_class(employees: int | None) -> str:
    """Return the size class of a company, as the EU counts: micro, small, medium, large."""
    if employees is None:
        return "unknown"
    return next(name for least, name in reversed(SIZES) if employees >= least)


def _values(
    row: Any, supplier: Supplier | None, first: dict[str, tuple[datetime, str]]
) -> list[tuple[str, str]]:
    earliest = first.get(row.supplier_id)
    new = earliest is None or earliest[1] == row.dialogue_id
    values = [("newcomer", "yes" if new else "no")]
    if row.invited_at:
        values.append(("months", f"{row.invited_at:%Y-%m}"))
    if supplier is not None:
        values += [
            ("size", size_class(supplier.employees)),
            ("country", supplier.country or "unknown"),
            ("region", supplier.region or "unknown"),
            ("language", supplier.texts[0].lang),
        ]
    return values


def _first_invitations(connection: Connection) -> dict[str, tuple[datetime, str]]:
    """Return for each supplier when it was first invited, and to which dialogue."""
    table = tables.invitation
    rows = connection.execute(
        select(table.c.supplier_id, table.c.invited_at, table.c.dialogue_id)
        .where(table.c.invited_at.is_not(None))
        .order_by(table.c.invited_at.desc())
    )
    return {r.supplier_id: (r.invited_at, r.dialogue_id) for r in rows}


def _suppliers(connection: Connection, desk: Desk, ids: set[str]) -> dict[str, Supplier]:
    """Return suppliers by id, also those that have left since."""
    table = schema.supplier
    known = connection.execute(select(table.c.id).where(table.c.id.in_(ids))).scalars().all()
    return {i: desk.store.supplier_in(connection, i) for i in known}
