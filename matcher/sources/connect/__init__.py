"""Connectors: feeds asked over the network for what is new since last time."""

from matcher.sources.connect.feeds import FEEDS
from matcher.sources.connect.run import sync

__all__ = ["FEEDS", "sync"]
