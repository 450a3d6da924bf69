"""Commands for the data: set up, import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.app import app
from api.cli.options import AsJson, counter, print_json
from matcher.errors import InputError
from matcher.records import Kind
from matcher.settings import Settings

if TYPE_CHECKING:
    from matcher.sources.base import Item

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
    kind: Annotated[str, typer.Argument(metavar="KIND", help="One of the kinds listed above.")],
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.")],
    rows: Annotated[
        str, typer.Option(help="What a table's rows are: `needs`, `suppliers` or `auto`.")
    ] = "auto",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=HEADING, where the guess would be wrong. Repeatable."),
    ] = None,
    supplier: Annotated[
        str | None, typer.Option(help="Whose brochures they are, for `files`.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read and report, but write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take records in, whatever feed they come from.

    - `auto`: any of the following, each file by what it looks like.
    - `table`: CSV, TSV, XLSX or JSON Lines; headings in any Nordic language, English or German.
    - `eforms`: notices as XML, eForms or the older TED XML, also in ZIP and TAR archives.
    - `ted`, `doffin`, `ocds`: notices as JSON, as these services answer.
    - `brreg`, `cvr`, `prh`, `bolagsverket`: the company registers of Norway, Denmark, Finland
      and Sweden as JSON; single, page or bulk, gzipped or not.
    - `files`: PDF and DOCX brochures of one supplier (`--supplier`).
    - `cpv`: names of CPV codes, from the label files of the eForms SDK.

    Good records go in whatever happens to others; refused ones land in a file with the reason,
    which can be mended and imported again as the same kind.
    """
    if rows not in ("auto", "needs", "suppliers"):
        raise typer.BadParameter(f"{rows!r}: needs, suppliers or auto", param_hint="--rows")
    given = pairs(columns or [])
    missing = [p for p in paths if not p.exists()]
    settings = Settings.from_env()
    if kind == "cpv":
        _need_paths(missing)
        _import_cpv(settings, paths, check, as_json)
        return
    if kind == "files":
        if not supplier:
            raise typer.BadParameter("files need --supplier ID", param_hint="--supplier")
        _need_paths(missing)
        _import_files(settings, paths, supplier, check, as_json)
        return
    read = _reader(kind, None if rows == "auto" else Kind(rows.removesuffix("s")), given)
    _need_paths(missing)
    take_in_items(settings, read(paths), check, as_json)


def _need_paths(missing: list[Path]) -> None:
    if missing:
        raise InputError(f"{missing[0]}: no such file or folder")


def _reader(
    kind: str, side: Kind | None, columns: dict[str, str]
) -> Callable[[list[Path]], Iterator[Item]]:
    from matcher.sources.formats import ALIASES, FORMATS, read_any
    from matcher.sources.table import read_table

    kind = ALIASES.get(kind, kind)
    if kind == "auto":
        return read_any
    if kind == "table":
        return lambda paths: read_table(paths, side, columns)
    if kind not in FORMATS:
        known = ", ".join(["auto", *FORMATS, "files", "cpv"])
        raise typer.BadParameter(f"{kind!r}: one of {known}", param_hint="KIND")
    return FORMATS[kind].read


def take_in_items(settings: Settings, items: Iterable[Item], check: bool, as_json: bool) -> None:
    """Take items into the store with a progress bar, and print the report."""
    from api.cli import show
    from matcher.sources.intake import take_in
    from matcher.store import Store

    store = Store.open(settings.store_url)
    with counter("reading") as seen:
        report = take_in(store, (seen(item) for item in items), settings.refused_dir, check)
    if as_json:
        print_json(report.as_dict())
    else:
        show.report(report)
        if report.read == 0:
            typer.echo("  No records were found: no file of this kind, or nothing in it.")
    if report.refused_count and not (report.new or report.changed or report.unchanged):
        raise typer.Exit(1)


def _import_cpv(settings: Settings, paths: list[Path], check: bool, as_json: bool) -> None:
    from matcher.sources.cpv import import_cpv
    from matcher.store import Store

    done = import_cpv(Store.open(settings.store_url), paths, check)
    if as_json:
        refused = [{"file": r.file, "reason": r.reason} for r in done.refused]
        print_json({"names": done.names, "refused": refused, "checked_only": check})
    else:
        for lang, count in sorted(done.names.items()):
            typer.echo(f"{lang}: {count} names")
        for refusal in done.refused:
            typer.echo(f"refused: {refusal}")
    if not done.names:
        raise InputError("no names of CPV codes were found: give the SDK's translations folder")


def _import_files(
    settings: Settings, paths: list[Path], supplier: str, check: bool, as_json: bool
) -> None:
    from matcher.profiles import import_files
    from matcher.store import Store

    store = Store.open(settings.store_url)
    with counter("reading") as seen:
        done = [seen(d) for d in import_files(store, supplier, paths, check)]
    if as_json:
        print_json([vars(d) for d in done])
    else:
        for d in done:
            typer.echo(f"{d.file}: {d.outcome}" + (f", {d.reason}" if d.reason else ""))
    if not any(d.outcome != "refused" for d in done):
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
