"""Commands for the data: set up, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.app import app
from api.cli.options import AsJson, counter, print_json
from matcher.errors import InputError
from matcher.records import Kind
from matcher.settings import Settings

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"


@app.command()
def init(
    demo: Annotated[
        bool, typer.Option("--demo", help="Load the sample collection and index it.")
    ] = False,
    sample: Annotated[
        Path, typer.Option(help="Folder of the sample collection.", exists=True, file_okay=False)
    ] = SAMPLE,
) -> None:
    """Make the store, or bring its schema up to date. Nothing stored is lost."""
    from api.cli import show
    from api.cli.jobs import run_reindex
    from matcher.sources.intake import take_in
    from matcher.sources.table import read_table
    from matcher.store import Store

    settings = Settings.from_env()
    store = Store.create(settings.store_url)
    typer.echo(f"Store ready: {store.engine.url.render_as_string()}")
    if demo:
        files = [sample / "needs.jsonl", sample / "suppliers.jsonl"]
        show.report(take_in(store, read_table(files), settings.refused_dir))
        run_reindex(settings)


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="`table`, `eforms` or `brreg`.")],
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.")],
    rows: Annotated[
        str, typer.Option(help="What a table's rows are: `needs`, `suppliers` or `auto`.")
    ] = "auto",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=HEADING, where the guess would be wrong. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take records in: tables of needs or suppliers, eForms notices, Enhetsregisteret.

    - `table`: CSV, TSV, XLSX or JSON Lines; headings in any Nordic language, English or German.
    - `eforms`: notices as XML; consultations, plans and competitions become needs.
    - `brreg`: Norway's company register as JSON, single, page or bulk, gzipped or not.

    Good records go in whatever happens to others; refused ones land in a file with the reason.
    """
    from api.cli import show
    from matcher.sources.brreg import read_brreg
    from matcher.sources.eforms import read_eforms
    from matcher.sources.intake import take_in
    from matcher.sources.table import read_table
    from matcher.store import Store

    if rows not in ("auto", "needs", "suppliers"):
        raise typer.BadParameter(f"{rows!r}: needs, suppliers or auto", param_hint="--rows")
    if kind == "table":
        side = None if rows == "auto" else Kind(rows.removesuffix("s"))
        items = read_table(paths, side, pairs(columns or []))
    elif kind == "eforms":
        items = read_eforms(paths)
    elif kind == "brreg":
        items = read_brreg(paths)
    else:
        raise typer.BadParameter(f"{kind!r}: table, eforms or brreg", param_hint="KIND")
    missing = [p for p in paths if not p.exists()]
    if missing:
        raise InputError(f"{missing[0]}: no such file or folder")
    settings = Settings.from_env()
    store = Store.open(settings.store_url)
    with counter("reading") as seen:
        report = take_in(store, (seen(item) for item in items), settings.refused_dir)
    if as_json:
        print_json(report.as_dict())
    else:
        show.report(report)
    if report.refused and not (report.new or report.changed or report.unchanged):
        raise typer.Exit(1)


def pairs(given: list[str]) -> dict[str, str]:
    """Read FIELD=HEADING options."""
    found = {}
    for item in given:
        name, equals, heading = item.partition("=")
        if not equals:
            raise typer.BadParameter(f"{item!r} is not FIELD=HEADING", param_hint="--map")
        found[name.strip()] = heading.strip()
    return found
