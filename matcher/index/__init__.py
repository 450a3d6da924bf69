"""The index: generations of dense vectors, lexical postings and terms, for both sides."""

from matcher.index.base import Side
from matcher.index.dense import use_one_thread
from matcher.index.facets import Filters
from matcher.index.generation import (
    Generation,
    build_generation,
    current_name,
    generation_names,
    open_current,
    open_quickly,
    open_verified,
    pin,
    prune,
    publish,
    release,
    roll_back,
)

__all__ = [
    "Filters",
    "Generation",
    "Side",
    "build_generation",
    "current_name",
    "generation_names",
    "open_current",
    "open_quickly",
    "open_verified",
    "pin",
    "prune",
    "publish",
    "release",
    "roll_back",
    "use_one_thread",
]
