"""Keeps a generation abreast of the store: an answer sees what was written before it was asked."""

from __future__ import annotations

import threading
from dataclasses import replace

from matcher.embed import Encoder, StaticEncoder
from matcher.index.base import Side
from matcher.index.fresh import FreshSide
from matcher.index.generation import Generation
from matcher.index.side import StoredSide
from matcher.records import Kind
from matcher.store import Store
from matcher.store.snapshot import Snapshot, decode_rows
from matcher.text import TermMaker

AT_ONCE = 300
"""Changed records of a kind that a question waits for; more are taken in beside the answers."""
MOST = 50_000
"""Fresh records of a kind; what exceeds them waits for the next re-index."""


class Follower:
    """A generation and the changes since. Safe to share by threads.

    Args:
        generation: Made by these encoders.
        store: Whose changes are followed.
        encoder, word_encoder, term_maker: Prepare what changed.
    """

    def __init__(
        self,
        generation: Generation,
        store: Store,
        encoder: Encoder,
        word_encoder: StaticEncoder,
        term_maker: TermMaker,
    ) -> None:
        self._store = store
        self._makers = encoder, word_encoder, term_maker
        self._sides = {
            kind: FreshSide.of(side, encoder)
            for kind, side in generation.sides.items()
            if isinstance(side, StoredSide)
        }
        self._lock = threading.Lock()
        self._behind: threading.Thread | None = None
        self._seen = self._noticed = generation.manifest.sequence
        self.full = False
        self.generation = generation

    @property
    def fresh(self) -> int:
        """Number of records saved since the generation was made."""
        return sum(len(side.fresh) for side in self._sides.values())

    def catch_up(self) -> Generation:
        """Return the generation with all changes up to now.

        What was deleted is gone from what comes back, however much there is. Of many saved
        records, as after an import, those that take longer follow in the background.
        """
        if self._store.last_change() > self._noticed:
            with self._lock:
                self._take_in()
        return self.generation

    def _take_in(self) -> None:
        with self._store.snapshot() as now:
            if now.sequence <= self._noticed:
                return
            deleted = {kind: now.deleted_ids(kind, self._noticed) for kind in Kind}
            self._noticed = now.sequence
            self._step(now, deleted)
        if self._seen < self._noticed and not self.full and self._behind is None:
            self._behind = threading.Thread(target=self._follow, daemon=True)
            self._behind.start()

    def _step(self, now: Snapshot, deleted: dict[Kind, list[str]]) -> None:
        """Take in the next changes and show them."""
        stop = self._seen if self.full else now.next_stop(self._seen, AT_ONCE)
        for kind, side in self._sides.items():
            rows = list(now.changed_rows(kind, self._seen, stop))
            if rows or deleted.get(kind):
                records = decode_rows(kind, rows)
                self._sides[kind] = side.with_changes(records, deleted.get(kind, []), *self._makers)
        self._seen = stop
        self.full = any(len(side.fresh) >= MOST for side in self._sides.values())
        sides: dict[Kind, Side] = dict(self._sides)
        self.generation = replace(self.generation, sides=sides)

    def _follow(self) -> None:
        while True:
            with self._lock:
                if self._seen >= self._noticed or self.full:
                    self._behind = None
                    return
                with self._store.snapshot() as now:
                    self._step(now, {})
