"""What people and programs ask of Samspill: matches, both ways, with their reasons.

One :class:`Service` a process holds the store, the encoders and the serving generation, and
takes up a new generation as soon as one is published.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from matcher.embed import load_encoder, load_word_encoder
from matcher.errors import NoGenerationError
from matcher.explain import Explanation, explain
from matcher.index import Filters, Generation, current_name, open_current
from matcher.pipeline import Hit, Matcher, Result
from matcher.records import Kind, Need, Record, Text
from matcher.settings import Settings
from matcher.store import Store
from matcher.text import TermMaker


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


class Service:
    """Answers questions from the store and the serving generation. Safe to share by threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store.open(settings.store_url)
        self.encoder = load_encoder(settings.encoder)
        self.word_encoder = load_word_encoder(self.encoder)
        self.term_maker = TermMaker()
        self._matcher: Matcher | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give back what is held."""
        self.store.close()

    @property
    def matcher(self) -> Matcher:
        """The matcher of the serving generation.

        A request keeps the one it got, so none ever mixes two generations.

        Raises:
            NoGenerationError: Nothing is indexed yet.
            StaleIndexError: The index was made by another encoder.
        """
        root = self.settings.generations_dir
        matcher = self._matcher
        name = current_name(root)
        if matcher is not None and matcher.generation.name == name:
            return matcher
        with self._lock:
            if self._matcher is None or self._matcher.generation.name != name:
                self._matcher = self._open(open_current(root))
            return self._matcher

    def _open(self, generation: Generation) -> Matcher:
        return Matcher(generation, self.encoder, self.word_encoder, self.term_maker)

    @property
    def generation_name(self) -> str | None:
        """Name of the serving generation, None if there is none."""
        return current_name(self.settings.generations_dir)

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
        except NoGenerationError as error:
            return False, str(error)
