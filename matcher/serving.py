"""A generation that serves, with the changes since and the matcher over both."""

from __future__ import annotations

from matcher.embed import Encoder, StaticEncoder
from matcher.fusion import Fusion
from matcher.index.follow import Follower
from matcher.pipeline import Matcher
from matcher.text import TermMaker

Makers = tuple[Encoder, StaticEncoder, TermMaker, Fusion]


class Serving:
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
        self._as_published = follower.generation
        self._matcher: Matcher | None = None
        self._published: Matcher | None = None

    def published(self) -> Matcher:
        """Return the matcher of the generation as it was published."""
        if self._published is None:
            self._published = Matcher(self._as_published, *self._makers)
        return self._published

    def matcher(self) -> Matcher:
        """Return the matcher with all changes until now."""
        generation = self.follower.catch_up()
        matcher = self._matcher
        if matcher is None or matcher.generation is not generation:
            matcher = self._matcher = Matcher(generation, *self._makers)
        return matcher
