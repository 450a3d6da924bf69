"""What people and programs ask of Samspill: matches, both ways, with their reasons.

One :class:`Service` a process holds the store, the encoders and the serving generation with
the changes since, and takes up a new generation as soon as one is published.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import structlog

from matcher.compose import Candidate, InvitationList, compose, supplier_groups
from matcher.embed import load_encoder, load_word_encoder
from matcher.errors import SamspillError, UnavailableError
from matcher.explain import Explanation, explain
from matcher.feedback import learn
from matcher.fusion import Band, Fusion
from matcher.index import (
    Filters,
    Generation,
    current_name,
    open_quickly,
    open_verified,
    use_one_thread,
)
from matcher.index.follow import Follower
from matcher.index.manifest import verify
from matcher.pipeline import Hit, Matcher, Result
from matcher.query import Query
from matcher.records import Kind, Need, Record, Supplier, Text
from matcher.rerank import FIRST, Scorer, load_reranker, rerank
from matcher.serving import Serving
from matcher.settings import Settings
from matcher.sideways import (
    Hint,
    Partner,
    covered_aspects,
    joint_groups,
    missing_aspects,
    partners,
    same_buyer,
)
from matcher.store import Grade, Judgements, Store
from matcher.text import TermMaker

log = structlog.get_logger()

_POOL = 200
"""Places of a ranking that an invitation list is chosen from."""


@dataclass(frozen=True)
class Match:
    """A place of a ranking with its record and the reasons for it."""

    hit: Hit
    record: Record
    explanation: Explanation


@dataclass(frozen=True)
class Matches:
    """A ranking with everything needed to show it.

    Attributes:
        asking: The record it was made for.
        kind: What that is.
        result: The ranking, cut to its length.
        matches: Its places with their reasons.
        no_good_match: Whether even the best is too unlikely to be worth inviting.
        judgements: Record id -> what people said of it for this need.
    """

    asking: Record
    kind: Kind
    result: Result
    matches: list[Match]
    no_good_match: bool
    judgements: Mapping[str, int]


@dataclass(frozen=True)
class Invitation:
    """A list of suppliers to invite, with each one's match.

    Attributes:
        no_good_match: Whether even the best match of the need is unlikely to be worth inviting.
    """

    need: Need
    query: Query
    generation: str
    composed: InvitationList
    matches: list[Match]
    no_good_match: bool


@dataclass(frozen=True)
class SupplierHints:
    """What the profile of a supplier leaves out that a need near it asks for."""

    need: Need
    hints: list[Hint]


_WAIT_FOR_SWAP = 0.05
"""Seconds a question waits for a new generation before the old one answers it."""


class Service:
    """Answers questions from the store and the serving generation. Safe to share by threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store.open(settings.store_url)
        self.encoder = load_encoder(settings.encoder)
        self.word_encoder = load_word_encoder(self.encoder)
        self.term_maker = TermMaker()
        self.fusion = Fusion.serving(settings.fusion_file)
        self.judgements = Judgements(self.store)
        self._reranker = load_reranker(settings.reranker) if settings.reranker else None
        self._serving: Serving | None = None
        self._lock = threading.Lock()
        self._taking_up: threading.Thread | None = None

    def close(self) -> None:
        """Give back what is held."""
        self.store.close()

    @property
    def matcher(self) -> Matcher:
        """The matcher of the serving generation, with every change of the store until now.

        A request keeps the one it got, so none ever mixes two generations.

        Raises:
            NoGenerationError: Nothing is indexed yet.
            StaleIndexError: The index was made by another encoder.
        """
        use_one_thread()
        return self._serving_now().matcher()

    @property
    def published(self) -> Matcher:
        """The matcher of the serving generation without the changes since it was made.

        What it ranks can be ranked again, for as long as the generation is kept.
        """
        return self._serving_now().published()

    def _serving_now(self) -> Serving:
        wanted = current_name(self.settings.generations_dir)
        serving = self._serving
        if serving is None:
            with self._lock:
                if self._serving is None:
                    self._serving = self._start(wanted)
                return self._serving
        if serving.wanted != wanted and wanted is not None:
            self._take_up(wanted)
        return self._serving or serving

    def _take_up(self, wanted: str) -> None:
        """Open another generation beside the serving one; questions hardly wait for it."""
        with self._lock:
            if self._taking_up is None and self._serving and self._serving.wanted != wanted:
                self._taking_up = threading.Thread(target=self._swap, args=(wanted,), daemon=True)
                self._taking_up.start()
            thread = self._taking_up
        if thread is not None:
            thread.join(_WAIT_FOR_SWAP)

    def _swap(self, wanted: str | None) -> None:
        try:
            serving = self._open(wanted)
        except SamspillError as error:
            log.error("generation not taken up", generation=wanted, reason=str(error))
            with self._lock:
                if self._serving is not None:
                    # Not tried again before another one is published.
                    self._serving.wanted, self._serving.problem = wanted, str(error)
        else:
            self._serving = serving
        finally:
            self._taking_up = None

    def _start(self, wanted: str | None) -> Serving:
        """Open a first generation; what is too large to be verified first is verified after."""
        generation, problem, verified = open_quickly(self.settings.generations_dir)
        serving = self._serve(wanted, generation, problem)
        if not verified:
            threading.Thread(target=self._verify, args=(serving,), daemon=True).start()
        return serving

    def _verify(self, serving: Serving) -> None:
        """Go on with the generation before if a byte of the one that serves is not as written."""
        root = self.settings.generations_dir
        try:
            verify(root / serving.follower.generation.name)
        except SamspillError as error:
            log.error("index damaged", reason=str(error))
            serving.problem = str(error)
            if self._serving is serving:
                self._swap(serving.wanted)

    def _open(self, wanted: str | None) -> Serving:
        generation, problem = open_verified(self.settings.generations_dir)
        return self._serve(wanted, generation, problem)

    def _serve(self, wanted: str | None, generation: Generation, problem: str) -> Serving:
        if problem:
            log.error("index damaged", reason=problem, serving=generation.name)
        generation.check(self.encoder, self.word_encoder)
        follower = Follower(
            generation, self.store, self.encoder, self.word_encoder, self.term_maker
        )
        makers = self.encoder, self.word_encoder, self.term_maker, self.fusion
        serving = Serving(wanted, problem, follower, makers)
        serving.matcher()
        return serving

    @property
    def generation_name(self) -> str | None:
        """Name of the serving generation, None if there is none."""
        return self._serving.follower.generation.name if self._serving else None

    @property
    def problem(self) -> str:
        """What is wrong with the published generation if another one serves; else empty."""
        return self._serving.problem if self._serving else ""

    @property
    def sequence(self) -> int:
        """Last change of the store in the serving generation."""
        return self._serving.follower.generation.manifest.sequence if self._serving else 0

    @property
    def fresh(self) -> int:
        """Number of records served that are newer than the generation."""
        return self._serving.follower.fresh if self._serving else 0

    def match_record(
        self,
        kind: Kind,
        record_id: str,
        k: int = 10,
        filters: Filters | None = None,
        stage: str = "full",
    ) -> Matches:
        """Rank the other side for a stored record.

        Raises:
            NotFoundError: There is no such record.
        """
        return self.match(self.store.get(kind, record_id), kind, k, filters, stage)

    def match_text(
        self,
        text: str,
        lang: str = "und",
        kind: Kind = Kind.NEED,
        k: int = 10,
        filters: Filters | None = None,
        stage: str = "full",
    ) -> Matches:
        """Rank the other side for a text that somebody typed or pasted."""
        record: Record = Need(id="text", texts=(Text(lang=lang, body=text),), source="text")
        return self.match(record, kind, k, filters, stage)

    def match(
        self,
        record: Record,
        kind: Kind,
        k: int = 10,
        filters: Filters | None = None,
        stage: str = "full",
    ) -> Matches:
        """Rank the other side for a record and explain each place.

        What brokers said of a need's suppliers counts at once.
        """
        matcher = self.matcher
        judgements = self.judgements.of(record.id) if kind is Kind.NEED else {}
        result = self.ranked(matcher, record, kind, k, filters, stage, judgements)
        return self.shown(matcher, record, kind, result, judgements)

    def ranked(
        self,
        matcher: Matcher,
        record: Record,
        kind: Kind,
        k: int,
        filters: Filters | None = None,
        stage: str = "full",
        judgements: Mapping[str, int] | None = None,
    ) -> Result:
        """Rank the other side for a record by a given matcher and given judgements.

        All that a ranking depends on is handed in, so that it can be made again.
        """
        query = matcher.prepare(record, kind)
        if judgements:
            query = learn(query, matcher.generation.sides[kind.other], judgements)
        wanted = max(k, FIRST) if self._reranker else k
        ranking = matcher.rank(query, filters, stage, wanted=wanted)
        result = matcher.cut(ranking, wanted, stage, judgements)
        if self._reranker and stage == "full":
            hits = self._reranked(self._reranker, record, kind.other, result.hits)
            result = replace(result, hits=hits)
        return replace(result, hits=result.hits[:k])

    def shown(
        self,
        matcher: Matcher,
        record: Record,
        kind: Kind,
        result: Result,
        judgements: Mapping[str, int],
    ) -> Matches:
        """Add to a ranking its records and the reasons for each place."""
        nobody = result.stage == "full" and kind is Kind.NEED and _nobody_fits(matcher, result.hits)
        matches = self._explained(record, result.query, result.hits, kind.other)
        return Matches(record, kind, result, matches, nobody, judgements)

    def similar(self, need_id: str, k: int = 10, filters: Filters | None = None) -> Matches:
        """Rank the needs of other buyers by likeness to a need, with the reasons."""
        need = self.store.need(need_id)
        found = self.like(need, k, filters)
        reasons = self._explained(need, found.query, found.hits, Kind.NEED)
        return Matches(need, Kind.NEED, found, reasons, False, {})

    def like(self, need: Need, k: int, filters: Filters | None = None) -> Result:
        """Rank the needs of other buyers by likeness to a need, stored or not."""
        matcher = self.matcher
        query = matcher.prepare(need, Kind.NEED)
        # A buyer's own needs are left out, so more than k are looked at.
        most = 5 * k + 20
        ranking = matcher.rank(query, filters, kind=Kind.NEED, wanted=most)
        result = matcher.cut(ranking, most, "similar")
        others = self.store.get_many(Kind.NEED, [hit.record_id for hit in result.hits])
        hits = [
            hit
            for hit in result.hits
            if isinstance(other := others.get(hit.record_id), Need)
            and other.id != need.id
            and not same_buyer(need, other)
        ]
        return replace(result, hits=hits[:k])

    def joint(self) -> list[list[Need]]:
        """Group needs of different buyers that could be one dialogue."""
        matcher = self.matcher
        needs = [n for n in self.store.iterate(Kind.NEED) if isinstance(n, Need)]
        queries = [matcher.prepare(need, Kind.NEED) for need in needs]
        by_id = {need.id: need for need in needs}
        return [[by_id[i] for i in group] for group in joint_groups(matcher, needs, queries)]

    def partners(
        self, need_id: str, supplier_id: str, k: int = 10
    ) -> tuple[Query, list[tuple[Partner, Supplier]]]:
        """Rank suppliers by what they add to one supplier's coverage of a need."""
        matcher = self.matcher
        self.store.supplier(supplier_id)
        query = matcher.prepare(self.store.need(need_id), Kind.NEED)
        found = partners(matcher, query, supplier_id, k)
        records = self.store.get_many(Kind.SUPPLIER, [p.hit.record_id for p in found])
        return query, [
            (partner, record)
            for partner in found
            if isinstance(record := records.get(partner.hit.record_id), Supplier)
        ]

    def hints(self, supplier_id: str, needs: int = 5) -> list[SupplierHints]:
        """Say which aspects of the needs nearest to a supplier its profile leaves out."""
        matcher = self.matcher
        found = self.match_record(Kind.SUPPLIER, supplier_id, needs)
        result = []
        for match in found.matches:
            if match.hit.band is not Band.WEAK and isinstance(match.record, Need):
                query = matcher.prepare(match.record, Kind.NEED)
                if hints := missing_aspects(matcher, query, supplier_id):
                    result.append(SupplierHints(match.record, hints))
        return result

    def invite(
        self,
        need_id: str,
        size: int = 10,
        floors: Mapping[str, int] | None = None,
        seed: int = 0,
        filters: Filters | None = None,
        today: date | None = None,
    ) -> Invitation:
        """Compose an invitation list for a need from the matches that are not weak.

        Args:
            need_id: The need.
            size: Length of the list.
            floors: Group -> least number: ``small``, ``newcomer``, ``region:NAME``,
                ``country:NO``.
            seed: Of the draws among equals.
            filters: What a supplier must be.
            today: Newcomers were founded in the five years before it.
        """
        matcher = self.matcher
        need = self.store.need(need_id)
        query, judgements = self._query(matcher, need, Kind.NEED)
        result = matcher.cut(
            matcher.rank(query, filters, wanted=_POOL), _POOL, judgements=judgements
        )
        hits = {
            hit.record_id: hit
            for hit in result.hits
            if hit.band is not Band.WEAK and judgements.get(hit.record_id) != Grade.NOT
        }
        records = self.store.get_many(Kind.SUPPLIER, list(hits))
        year = (today or date.today()).year
        candidates = [
            Candidate(
                record.id,
                hits[record.id].probability or 0.0,
                tuple(float(c) for c in covered_aspects(hits[record.id])),
                supplier_groups(record, year),
            )
            for record in records.values()
            if isinstance(record, Supplier)
        ]
        weights = [aspect.weight for aspect in query.aspects]
        composed = compose(candidates, size, weights, floors, seed)
        chosen = [hits[choice.id] for choice in composed.choices]
        matches = self._explained(need, query, chosen, Kind.SUPPLIER)
        nobody = _nobody_fits(matcher, result.hits)
        return Invitation(need, query, result.generation, composed, matches, nobody)

    def judge(self, need_id: str, supplier_id: str, grade: Grade | None) -> None:
        """Judge a supplier for a need; None takes the judgement back."""
        self.judgements.give(need_id, supplier_id, grade)

    def _query(self, matcher: Matcher, record: Record, kind: Kind) -> tuple[Query, dict[str, int]]:
        query = matcher.prepare(record, kind)
        judgements = self.judgements.of(record.id) if kind is Kind.NEED else {}
        if judgements:
            query = learn(query, matcher.generation.sides[kind.other], judgements)
        return query, judgements

    def _reranked(self, reranker: Scorer, record: Record, kind: Kind, hits: list[Hit]) -> list[Hit]:
        """Look at the first places again, those of records that still exist."""
        first = [hit.record_id for hit in hits[:FIRST]]
        records = self.store.get_many(kind, first)
        kept = [hit for hit in hits if hit.record_id in records or hit.record_id not in first]
        texts = [_whole_text(records[i]) for i in first if i in records]
        return rerank(kept, reranker(_whole_text(record), texts)) if texts else kept

    def _explained(self, record: Record, query: Query, hits: list[Hit], kind: Kind) -> list[Match]:
        records = self.store.get_many(kind, [hit.record_id for hit in hits])
        return [
            Match(hit, found, explain(query, record, found, self.word_encoder, self.term_maker))
            for hit in hits
            # A record deleted since the generation was made is no match any more.
            if (found := records.get(hit.record_id)) is not None
        ]

    def ready(self) -> tuple[bool, str]:
        """Tell whether questions can be answered, and if not, why."""
        try:
            return True, self.matcher.generation.name
        except UnavailableError as error:
            return False, str(error)


def _whole_text(record: Record) -> str:
    text = record.texts[0]
    return f"{text.title}\n{text.body}".strip()


def _nobody_fits(matcher: Matcher, hits: list[Hit]) -> bool:
    best = max((hit.probability or 0.0 for hit in hits), default=0.0)
    return best < matcher.fusion.answered
