"""The index: generations of dense vectors, lexical postings and terms, for both sides."""

from matcher.index.facets import Filters
from matcher.index.generation import (
    Generation,
    build_generation,
    current_name,
    open_current,
    pin,
    prune,
    publish,
    release,
)
from matcher.index.side import Side

__all__ = [
    "Filters",
    "Generation",
    "Side",
    "build_generation",
    "current_name",
    "open_current",
    "pin",
    "prune",
    "publish",
    "release",
]
