"""Commands for suppliers that are one company: review suggestions, merge, undo."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.cli.app import app
from api.cli.options import AsJson, print_json
from matcher.settings import Settings

_STATES = ("suggested", "merged", "rejected", "undone")


@app.command()
def merges(
    find: Annotated[bool, typer.Option("--find", help="Look for new suggestions first.")] = False,
    state: Annotated[
        str, typer.Option(help="Which to list: `suggested`, `merged`, `rejected`, `undone`.")
    ] = "suggested",
    accept: Annotated[int | None, typer.Option(help="Merge the pair of this number.")] = None,
    reject: Annotated[int | None, typer.Option(help="Never suggest this pair again.")] = None,
    undo: Annotated[int | None, typer.Option(help="Part this merged pair again.")] = None,
    as_json: AsJson = False,
) -> None:
    """List suppliers that may be one company, and decide on them.

    Records with the same valid organisation number are merged as they come in. The same name
    with the same place or site only makes a suggestion: you decide. Every merge can be undone,
    and is then not made again.
    """
    from matcher.store import Store
    from matcher.store.duplicates import decide_merge, list_merges, suggest_merges, undo_merge

    if state not in _STATES:
        raise typer.BadParameter(f"{state!r}: one of {', '.join(_STATES)}", param_hint="--state")
    store = Store.open(Settings.from_env().store_url)
    if accept is not None:
        decided = [decide_merge(store, accept, accept=True)]
    elif reject is not None:
        decided = [decide_merge(store, reject, accept=False)]
    elif undo is not None:
        decided = [undo_merge(store, undo)]
    else:
        if find:
            found = suggest_merges(store)
            if not as_json:
                typer.echo(f"{found} new suggestions")
        decided = list_merges(store, state)
    if as_json:
        print_json([asdict(pair) for pair in decided])
        return
    for pair in decided:
        typer.echo(f"{pair.id}: {pair.merged_id} into {pair.kept_id}, {pair.reason} ({pair.state})")
    if not decided:
        typer.echo(f"None {state}.")
