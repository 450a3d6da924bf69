"""The log, its verification and replay, and the figures of the programme."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.answers import Done, VerdictOut
from api.auth.guard import RUNNING, ActorDep, DeskDep, allow
from api.routes.records import Limit
from matcher.workflow import figures, log, rankings
from matcher.workflow.access import Scope
from matcher.workflow.desk import Role
from matcher.workflow.figures import Exposure, Figures
from matcher.workflow.log import Entry
from matcher.workflow.rankings import Replay

router = APIRouter(tags=["record"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/log", **allow(*RUNNING))
def entries(
    desk: DeskDep,
    subject: Annotated[str, Query(max_length=250)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Entries after this one.")] = 0,
    limit: Limit = 50,
) -> list[Entry]:
    """List entries of the log in order."""
    with desk.store.reading() as connection:
        return log.entries(connection, subject, kind, after, limit)


@router.get("/log/verification", **allow(*RUNNING, Role.JOB))
def verify(desk: DeskDep) -> VerdictOut:
    """Read the whole log and check that it is unbroken."""
    return VerdictOut(**dataclasses.asdict(log.verify(desk)))


@router.get("/log/{number}", **allow(*RUNNING))
def entry(desk: DeskDep, number: Number) -> Entry:
    """Return an entry of the log."""
    with desk.store.reading() as connection:
        return log.entry(connection, number)


@router.post("/log/{number}/replay", **allow(*RUNNING, scope=Scope.READ))
def replay(desk: DeskDep, number: Number) -> Replay:
    """Rank again as an entry says, and compare with the list that was recorded."""
    return rankings.replay(desk, number)


@router.post("/log/{number}/erasure", **allow(Role.ADMIN, scope=Scope.ADMIN))
def erase(desk: DeskDep, actor: ActorDep, number: Number) -> Done:
    """Take out what an entry says, for it names somebody; that it stood there stays proved."""
    with desk.store.writing() as connection:
        log.entry(connection, number)
        log.erase_payload(connection, desk, actor, number, "erasure by an admin")
    return Done()


@router.get("/figures", **allow(*RUNNING))
def programme(desk: DeskDep, actor: ActorDep) -> Figures:
    """Count needs, buyers, dialogues, suppliers reached and what became of them."""
    return figures.programme(desk, actor)


@router.get("/exposure", **allow(*RUNNING))
def exposure(desk: DeskDep, actor: ActorDep) -> Exposure:
    """Count over all dialogues who came how far, by month too."""
    return figures.exposure(desk, actor)
