"""What people and programs ask of Samspill: matches, both ways, with their reasons.

One :class:`Service` a process holds the store, the encoders and the serving generation with
the changes since, and takes up a new generation as soon as one is published.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import structlog

from matcher.embed import Encoder, StaticEncoder, load_encoder, load_word_encoder
from matcher.errors import SamspillError, UnavailableError
from matcher.explain import Explanation, explain
from matcher.index import Filters, current_name, open_verified
from matcher.index.follow import Follower
from matcher.pipeline import Hit, Matcher, Result
from matcher.records import Kind, Need, Record, Text
from matcher.settings import Settings
from matcher.store import Store
from matcher.text import TermMaker

log = structlog.get_logger()


@dataclass(frozen=True)
class Match:
    """A place of a ranking with its record and the reasons for it."""

    hit: Hit
    record: Record
    explanation: Explanation


@dataclass(frozen=True)
class Matches:
    """A ranking with everything needed to show it."""

    asking: Record
    kind: Kind
    result: Result
    matches: list[Match]


_WAIT_FOR_SWAP = 0.05
"""Seconds a question waits for a new generation before the old one answers it."""

Makers = tuple[Encoder, StaticEncoder, TermMaker]


class _Serving:
    """A generation that serves.

    Attributes:
        wanted: Name of the generation published when this one was opened.
        problem: Why it is not that one, if it is not.
        follower: The generation and the changes since.
    """

    def __init__(
        self, wanted: str | None, problem: str, follower: Follower, makers: Makers
    ) -> None:
        self.wanted = wanted
        self.problem = problem
        self.follower = follower
        self._makers = makers
        self._matcher: Matcher | None = None

    def matcher(self) -> Matcher:
        """Return the matcher with all changes until now."""
        generation = self.follower.catch_up()
        matcher = self._matcher
        if matcher is None or matcher.generation is not generation:
            matcher = self._matcher = Matcher(generation, *self._makers)
        return matcher


class Service:
    """Answers questions from the store and the serving generation. Safe to share by threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store.open(settings.store_url)
        self.encoder = load_encoder(settings.encoder)
        self.word_encoder = load_word_encoder(self.encoder)
        self.term_maker = TermMaker()
        self._serving: _Serving | None = None
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
        return self._serving_now().matcher()

    def _serving_now(self) -> _Serving:
        wanted = current_name(self.settings.generations_dir)
        serving = self._serving
        if serving is None:
            with self._lock:
                if self._serving is None:
                    self._serving = self._open(wanted)
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

    def _swap(self, wanted: str) -> None:
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

    def _open(self, wanted: str | None) -> _Serving:
        generation, problem = open_verified(self.settings.generations_dir)
        if problem:
            log.error("index damaged", reason=problem, serving=generation.name)
        generation.check(self.encoder, self.word_encoder)
        makers = self.encoder, self.word_encoder, self.term_maker
        serving = _Serving(wanted, problem, Follower(generation, self.store, *makers), makers)
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
        """Rank the other side for a record and explain each place."""
        matcher = self.matcher
        query = matcher.prepare(record, kind)
        result = matcher.match(query, k, filters, stage)
        records = self.store.get_many(kind.other, [hit.record_id for hit in result.hits])
        matches = [
            Match(
                hit,
                found,
                explain(query, record, found, self.word_encoder, self.term_maker),
            )
            for hit in result.hits
            # A record deleted since the generation was made is no match any more.
            if (found := records.get(hit.record_id)) is not None
        ]
        return Matches(record, kind, result, matches)

    def ready(self) -> tuple[bool, str]:
        """Tell whether questions can be answered, and if not, why."""
        try:
            return True, self.matcher.generation.name
        except UnavailableError as error:
            return False, str(error)
