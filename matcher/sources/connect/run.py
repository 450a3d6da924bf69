"""Runs a connector: page by page into the store, the cursor kept after each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from matcher.settings import Settings
from matcher.sources.base import Report
from matcher.sources.connect.client import Client
from matcher.sources.connect.feeds import FEEDS
from matcher.sources.intake import Intake
from matcher.store import Store
from matcher.store.cursors import read_cursor, save_cursor


def sync(
    store: Store,
    name: str,
    settings: Settings,
    client: Client,
    *,
    since: date | None = None,
    dry_run: bool = False,
    pages: int | None = None,
    seen: Callable[[Any], Any] = lambda item: item,
) -> Report:
    """Take in what is new in a feed.

    Each page is in the store before the cursor moves past it, so a run that is killed goes on
    where it was, and what it reads twice is unchanged.

    Args:
        store: Where records and cursors are.
        name: One of :data:`FEEDS`.
        settings: Addresses and queries.
        client: Asks.
        since: Start here instead of where the last run ended.
        dry_run: Read and report; neither records nor cursor are written.
        pages: Stop after this many; the next run goes on from there.
        seen: Called with each item, for a progress bar.

    Raises:
        UnavailableError: The feed gives no usable answer. What came before it is stored.
        InputError: A setting the feed needs is missing.
    """
    cursor = {} if since else read_cursor(store, name)
    start = since or datetime.now(UTC).date() - timedelta(days=settings.sync_since_days)
    intake = Intake(store, settings.refused_dir, check=dry_run)
    try:
        for number, page in enumerate(FEEDS[name](client, settings, cursor, start), start=1):
            for item in page.items:
                intake.take(seen(item))
            intake.flush()
            if not dry_run:
                save_cursor(store, name, page.cursor)
            if number == pages:
                break
    finally:
        intake.close()
    return intake.report
