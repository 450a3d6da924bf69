"""Rankings that go on the record, and their replay."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection

from matcher.errors import ConflictError, NoGenerationError
from matcher.fusion import Fusion
from matcher.index import Filters, Generation, pin
from matcher.pipeline import CANDIDATES, Matcher
from matcher.records import Kind
from matcher.service import Matches
from matcher.workflow import cases, log
from matcher.workflow.cases import Case
from matcher.workflow.desk import Actor, Desk

RANKED = "ranking"
FULL = 2 * CANDIDATES
"""Places kept of a ranking: as many as candidates are ever scored, so nothing is cut off."""


@dataclass(frozen=True)
class Ranked:
    """A ranking that is on the record: the entry's number and what to show of it."""

    number: int
    found: Matches


@dataclass(frozen=True)
class Replay:
    """What became of a replay.

    Attributes:
        same: Whether it gave the list that was recorded.
        places: Compared.
        first_difference: Position where the lists part, None if nowhere.
    """

    number: int
    same: bool
    generation: str
    places: int
    first_difference: int | None


def run(
    desk: Desk,
    actor: Actor,
    case: Case,
    k: int,
    filters: Filters,
    dialogue_id: str = "",
    stage: str = "full",
) -> Ranked:
    """Rank suppliers for a need and put the whole list on the record.

    By the generation as it was published: changes of the day are not kept, so a ranking that
    saw them could not be made again.

    Args:
        desk: Store and service.
        actor: Who asks.
        case: The need, in the version that is ranked.
        k: How many to show, with their reasons; recorded are all that were scored.
        filters: What a supplier must be.
        dialogue_id: The dialogue it is for, if it is for one.
        stage: Of the matcher.
    """
    service = desk.matching
    matcher, record = service.published, case.record
    judgements = service.judgements.of(case.need_id)
    full = service.ranked(matcher, record, Kind.NEED, FULL, filters, stage, judgements)
    if dialogue_id:
        pin(desk.settings.generations_dir, full.generation, f"dialogue:{dialogue_id}")
    payload: dict[str, Any] = {
        "need_id": case.need_id,
        "version": case.version,
        "generation": full.generation,
        "encoder": matcher.generation.manifest.encoder,
        "fusion": asdict(matcher.fusion),
        "reranker": desk.settings.reranker,
        "judgements": dict(judgements),
        "stage": stage,
        "filters": filters.model_dump(mode="json"),
        "k": k,
        "candidates": full.candidates,
        "list": [[hit.record_id, round(hit.score, 4)] for hit in full.hits],
    }
    subject = f"dialogue:{dialogue_id}" if dialogue_id else f"need:{case.need_id}"
    with desk.store.writing() as connection:
        number = log.append(connection, desk, actor, RANKED, subject, payload)
    result = replace(full, hits=full.hits[:k])
    return Ranked(number, service.shown(matcher, record, Kind.NEED, result, judgements))


def replay(desk: Desk, number: int) -> Replay:
    """Rank again as an entry of the log says, on the generation it names, and compare.

    Raises:
        ConflictError: The entry is no ranking, was erased, or its generation is gone.
    """
    with desk.store.reading() as connection:
        payload = ranking(connection, number)
        content = cases.content_at(connection, payload["need_id"], payload["version"])
        case = cases.peek(connection, desk, payload["need_id"])
    assert case is not None
    record = content.record(case.need_id, case.created_at.date())
    if payload["reranker"] != desk.settings.reranker:
        raise ConflictError(f"this ranking was made with the re-ranker {payload['reranker']!r}")
    again = desk.matching.ranked(
        _matcher(desk, payload),
        record,
        Kind.NEED,
        FULL,
        Filters(**payload["filters"]),
        payload["stage"],
        payload["judgements"],
    )
    old = [tuple(place) for place in payload["list"]]
    new = [(hit.record_id, round(hit.score, 4)) for hit in again.hits]
    differs = next(
        (n for n, (a, b) in enumerate(zip(old, new, strict=False), 1) if a[0] != b[0]), None
    )
    if differs is None and len(old) != len(new):
        differs = min(len(old), len(new)) + 1
    return Replay(number, differs is None, payload["generation"], len(old), differs)


def ranking(connection: Connection, number: int) -> dict[str, Any]:
    """Return what an entry says about a ranking.

    Raises:
        ConflictError: It is none, or what it said was erased.
    """
    found = log.entry(connection, number)
    if found.kind != RANKED or found.payload is None:
        raise ConflictError(f"entry {number} of the log holds no ranking")
    return found.payload


def _matcher(desk: Desk, payload: dict[str, Any]) -> Matcher:
    """Return a matcher as it was: generation and weights that an entry names."""
    service, name = desk.matching, payload["generation"]
    try:
        generation = Generation.open(desk.settings.generations_dir / name)
    except NoGenerationError as error:
        raise ConflictError(
            f"generation {name} is no longer kept: the recorded list stands, "
            "and `samspill verify-log` proves it, but it cannot be made again"
        ) from error
    fusion = Fusion(**payload["fusion"])
    return Matcher(generation, service.encoder, service.word_encoder, service.term_maker, fusion)
