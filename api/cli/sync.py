"""The command that asks feeds for what is new."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from api.cli.app import app
from api.cli.options import AsJson, counter, print_json
from matcher.settings import Settings


@app.command()
def sync(
    feed: Annotated[
        str,
        typer.Argument(help="`ted`, `doffin`, `brreg`, `cvr`, `prh`, `ocds` or `pages`."),
    ],
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Start at this day, not where the last run ended."),
    ] = None,
    pages: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many pages of the feed.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask and report, but write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a feed for what is new since last time, and take it in.

    A run that is stopped goes on where it was. Busy servers are waited for. `pages` reads the
    website of every supplier that names one, keeping to its robots.txt; sole traders are left
    alone. Addresses, keys and the proxy are settings.
    """
    from api.cli import show
    from matcher.sources.connect import FEEDS
    from matcher.sources.connect import sync as run
    from matcher.sources.connect.client import Client
    from matcher.store import Store

    if feed != "pages" and feed not in FEEDS:
        known = ", ".join([*FEEDS, "pages"])
        raise typer.BadParameter(f"{feed!r}: one of {known}", param_hint="FEED")
    settings = Settings.from_env()
    store = Store.open(settings.store_url)
    if feed == "pages":
        _sync_pages(store, settings, pages, as_json)
        return
    auth = (settings.cvr_user, settings.cvr_password.get_secret_value())
    client = Client(settings.proxy, auth if feed == "cvr" and settings.cvr_user else None)
    try:
        with counter(f"reading {feed}") as seen:
            report = run(
                store,
                feed,
                settings,
                client,
                since=since.date() if since else None,
                dry_run=dry_run,
                pages=pages,
                seen=seen,
            )
    finally:
        client.close()
    if as_json:
        print_json(report.as_dict())
    else:
        show.report(report)


def _sync_pages(store: object, settings: Settings, most: int | None, as_json: bool) -> None:
    from itertools import islice

    from matcher.profiles import sync_pages
    from matcher.sources.fetch import Fetcher
    from matcher.store import Store

    assert isinstance(store, Store)
    fetcher = Fetcher(settings.proxy)
    try:
        with counter("reading pages") as seen:
            done = list(islice(sync_pages(store, fetcher, seen), most))
    finally:
        fetcher.close()
    if as_json:
        print_json([vars(d) for d in done])
        return
    for outcome in ("saved", "unchanged", "refused"):
        typer.echo(f"{outcome}: {sum(d.outcome == outcome for d in done)}")
    for d in done:
        if d.outcome == "refused":
            typer.echo(f"  {d.file}: {d.reason}")
