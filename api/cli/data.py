"""Commands for the data: set up, import, index, state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.app import app
from api.cli.options import AsJson, counter, print_json, progress_bar
from matcher.errors import InputError
from matcher.records import Kind
from matcher.settings import Settings

if TYPE_CHECKING:
    from matcher.reindex import Run

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


@app.command()
def reindex(
    full: Annotated[
        bool, typer.Option("--full", help="Embed everything anew, whatever is unchanged.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build a new index from the store beside the serving one and put it in its place."""
    run = run_reindex(Settings.from_env(), quiet=as_json)
    if as_json:
        print_json(vars(run))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Tell what is stored, what is indexed, and how the last re-index runs went."""
    from dataclasses import asdict

    from api.cli import show
    from matcher.index import current_name
    from matcher.reindex import last_runs
    from matcher.store import Store

    settings = Settings.from_env()
    store = Store.open(settings.store_url)
    values: dict[str, Any] = {
        "store": store.engine.url.render_as_string(),
        "needs": store.count(Kind.NEED),
        "suppliers": store.count(Kind.SUPPLIER),
        "last_change": store.last_change(),
        "generation": current_name(settings.generations_dir),
        "runs": [asdict(run) for run in last_runs(settings.data_dir)],
    }
    if as_json:
        print_json(values)
    else:
        show.status(values)


def run_reindex(settings: Settings, quiet: bool = False) -> Run:
    """Run the job with a progress bar."""
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.reindex import reindex as run
    from matcher.store import Store

    store = Store.open(settings.store_url)
    encoder = load_encoder(settings.encoder)
    with progress_bar() as bar:
        tasks = {kind: bar.add_task(f"{kind}s", total=store.count(kind)) for kind in Kind}
        result = run(
            store,
            settings.data_dir,
            encoder,
            load_word_encoder(encoder),
            lambda kind, done, total: bar.update(tasks[kind], completed=done, total=total),
        )
    if not quiet:
        counts = ", ".join(f"{c['records']} {side}" for side, c in result.counts.items())
        typer.echo(f"Generation {result.generation}: {counts} in {result.seconds} s")
    return result


def pairs(given: list[str]) -> dict[str, str]:
    """Read FIELD=HEADING options."""
    found = {}
    for item in given:
        name, equals, heading = item.partition("=")
        if not equals:
            raise typer.BadParameter(f"{item!r} is not FIELD=HEADING", param_hint="--map")
        found[name.strip()] = heading.strip()
    return found
