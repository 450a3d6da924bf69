"""The consultation record of a dialogue: all that was done, from the log, to be handed on."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import Connection, select

from matcher.store import dialogue as tables
from matcher.workflow import cases, dialogues, figures, joint, log, shortlist
from matcher.workflow.desk import SYSTEM, Actor, Desk

FORMAT = 1


def record(desk: Desk, actor: Actor, dialogue_id: str) -> dict[str, Any]:
    """Return the whole record of a dialogue as plain values.

    Every entry keeps its number and hash, so the record can be checked against the log, and
    the head of the log is noted: who keeps the record can show later that nothing was changed.
    It holds no contact data.
    """
    with desk.store.reading() as connection:
        found = dialogues.get(connection, actor, dialogue_id)
        places = shortlist.places(connection, actor, dialogue_id)
        entries = log.entries(connection, subject=f"dialogue:{dialogue_id}")
        head = connection.execute(select(tables.log_head)).one()
        names = _names(connection, desk, [p.supplier_id for p in places])
        return {
            "format": FORMAT,
            "made_at": desk.now().isoformat(timespec="seconds"),
            "log_head": {"number": head.number, "hash": head.hash},
            "dialogue": {
                "id": found.id,
                "state": found.state,
                **found.plan.model_dump(mode="json"),
            },
            "needs": [_need(connection, desk, n) for n in found.plan.need_ids],
            "suppliers": [
                {
                    **_plain(place),
                    "name": names.get(place.supplier_id, ""),
                }
                for place in places
            ],
            "exposure": _plain(figures.exposure_in(connection, desk, dialogue_id)),
            "entries": [_plain(e) for e in entries],
        }


def _need(connection: Connection, desk: Desk, need_id: str) -> dict[str, Any]:
    case = cases.case(connection, desk, SYSTEM, need_id)
    return {
        "id": need_id,
        "state": case.state,
        "version": case.version,
        "content": case.content.model_dump(mode="json"),
        "history": [
            {**_plain(e), "content": None, "state": str(e.state)}
            for e in cases.history(connection, need_id)
        ],
        "parts": [p.need_id for p in cases.parts_of(connection, need_id)],
        "declarations": [
            {
                **_plain(dataclasses.replace(d, texts=(), signatures=())),
                "texts": [t.model_dump() for t in d.texts],
                "signatures": [_plain(s) for s in d.signatures],
            }
            for d in joint.of_need(connection, need_id)
        ],
    }


def _names(connection: Connection, desk: Desk, ids: list[str]) -> dict[str, str]:
    return {i: desk.store.supplier_in(connection, i).name for i in ids}


def _plain(item: Any) -> dict[str, Any]:
    values = dataclasses.asdict(item)
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in values.items()
    }
