"""Answers of Doffin's public API, version 2 (JSON): Norway's national notices.

Strings hold raw control characters, hits repeat across pages, and organisation numbers are
written in every way there is; they are kept as written and compared in the register's form.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matcher.records import Award, AwardNotice, Buyer, Commitment, Need, Part, Procedure, Text
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.dialogue import invites_to_dialogue
from matcher.sources.jsonfiles import read_json
from matcher.sources.values import as_dict, as_list, at, cpv_of, dicts, number_at, text_at, text_of
from matcher.sources.xml import date_of

ARRAYS = ("hits", "notices")
_STAGES = {
    "PLANNING": "planning", "ADVISORY_NOTICE": "planning", "PRE_ANNOUNCEMENT": "planning",
    "PRIOR_INFORMATION_NOTICE": "planning", "NOTICE_ON_BUYER_PROFILE": "planning",
    "MARKET_CONSULTATION": "consultation", "CONSULTATION": "consultation",
    "COMPETITION": "competition", "ANNOUNCEMENT_OF_COMPETITION": "competition",
    "DYNAMIC_PURCHASING_SCHEME": "competition", "QUALIFICATION_SCHEME": "competition",
    "CONCESSION": "competition", "DESIGN_CONTEST": "competition",
    "RESULT": "award notice", "ANNOUNCEMENT_OF_CONCLUSION_OF_CONTRACT": "award notice",
    "ANNOUNCEMENT_OF_INTENT": "direct award notice", "INTENT": "direct award notice",
    "CHANGE_OF_CONTRACT": "contract modification notice",
    "CANCELLED_OR_MISSING_CONCLUSION_OF_CONTRACT": "cancellation",
}  # fmt: skip


def read_doffin(paths: list[Path]) -> Iterator[Item]:
    """Read saved answers of the search.

    Yields:
        A need per notice of planning or competition; others set aside; refusals for what cannot
        be used; remarks on codes that are left out and types that are not known.
    """
    for found in read_json(paths, ARRAYS):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_doffin_hit(found.value, found.file, found.place)


def read_doffin_hit(hit: Any, file: str, place: str) -> Iterator[Item]:
    """Read one hit."""
    if not isinstance(hit, dict):
        yield Refusal(file, place, "", "not a JSON object", {"value": hit})
        return
    notice = text_of(hit.get("id"))
    if not notice:
        yield Refusal(file, place, "id", "the notice has no id", hit)
        return
    kind = text_of(as_list(hit.get("type"))[:1])
    stage = _STAGES.get(kind.upper())
    remarks: list[Remark] = []
    if stage is None:
        remarks.append(Remark(file, notice, "type", f"{kind!r} is not known: taken for a plan"))
        stage = "planning"
    try:
        if stage not in ("planning", "consultation", "competition"):
            won = stage.endswith("award notice")
            gone = f"doffin-{notice}" if text_of(hit.get("status")).upper() == "CANCELLED" else ""
            history = _award_notice(hit, notice) if won else None
            yield SetAside(file, notice, stage, history, removes=gone)
            return
        if text_of(hit.get("status")).upper() == "CANCELLED":
            yield SetAside(file, notice, "cancellation", removes=f"doffin-{notice}")
            return
        text = Text(lang="und", title=text_at(hit, "heading"), body=text_at(hit, "description"))
        if not text.title and not text.body:
            yield Refusal(file, notice, "heading", "neither heading nor description", hit)
            return
        need = _need(hit, notice, kind, stage, text, file, remarks)
    except ValidationError as error:
        first = error.errors()[0]
        yield Refusal(file, notice, ".".join(map(str, first["loc"])), first["msg"], hit)
        return
    yield need
    yield from remarks


def _need(
    hit: dict[str, Any],
    notice: str,
    kind: str,
    stage: str,
    text: Text,
    file: str,
    remarks: list[Remark],
) -> Need:
    amount = as_dict(hit.get("estimatedValue"))
    lots = dicts(hit.get("lots"))
    dialogue = stage == "consultation" or (stage == "planning" and invites_to_dialogue([text]))
    return Need(
        id=f"doffin-{notice}",
        texts=(text,),
        country="NO",
        region=next(filter(None, map(text_of, as_list(hit.get("locationId")))), ""),
        cpv=cpv_of(as_list(hit.get("cpvCodes")), file, notice, "cpvCodes", remarks),
        url=f"https://doffin.no/notices/{notice}",
        source="doffin",
        source_id=notice,
        buyers=_buyers(hit, stage),
        parts=tuple(_part(lot, number) for number, lot in enumerate(lots, start=1)),
        procedure=Procedure.OPEN_DIALOGUE if dialogue else Procedure.OTHER,
        notice_type=kind[:30],
        published=date_of(text_of(hit.get("publicationDate")) or text_of(hit.get("issueDate"))),
        deadline=date_of(text_of(hit.get("deadline"))),
        value=number_at(amount, "amount"),
        currency=text_at(amount, "currencyCode")[:3],
    )


def _part(lot: dict[str, Any], number: int) -> Part:
    text = Text(lang="und", title=text_at(lot, "heading"), body=text_at(lot, "description"))
    held = text_of(lot.get("id")) or str(number)
    return Part(id=held, texts=(text,) if text.title or text.body else ())


def _buyers(hit: dict[str, Any], stage: str) -> tuple[Buyer, ...]:
    commitment = Commitment.COMMITS if stage == "competition" else Commitment.DECLARES_INTENT
    return tuple(
        Buyer(
            name=text_of(b.get("name")) or "?",
            organisation_number=text_of(b.get("organizationId")) or text_of(b.get("id")),
            country="NO",
            commitment=commitment,
        )
        for b in dicts(hit.get("buyer"))
    )


def _award_notice(hit: dict[str, Any], notice: str) -> AwardNotice:
    awards = [
        Award(
            name=text_of(w.get("name")) or "?",
            organisation_number=text_of(w.get("organizationId")),
            country="NO" if text_of(w.get("organizationId")) else "",
            lot=text_of(lot.get("id")) or str(number),
        )
        for number, lot in enumerate(dicts(hit.get("lots")), start=1)
        for w in dicts(at(lot, "winner"))
    ]
    return AwardNotice(
        id=f"doffin-{notice}",
        source="doffin",
        title=text_at(hit, "heading"),
        published=date_of(text_of(hit.get("publicationDate"))),
        buyers=_buyers(hit, "competition"),
        cpv=cpv_of(as_list(hit.get("cpvCodes")), "", notice, "", []),
        awards=tuple(awards),
    )
