"""The command line ``samspill``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

import matcher
from matcher.errors import InputError, SamspillError
from matcher.languages import LANGUAGES
from matcher.records import Kind
from matcher.settings import Settings

app = typer.Typer(
    name="samspill",
    help="Match public buyers' needs with suppliers across languages, and say why.\n\n"
    'Begin with `samspill init --demo`, then `samspill match --text "..."`.',
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Count = Annotated[int, typer.Option("-k", min=1, max=1000, help="How many to list.")]
Countries = Annotated[
    list[str] | None, typer.Option("--country", help="Only from this country (NO, SE ...).")
]
Languages = Annotated[
    list[str] | None, typer.Option("--written-in", help="Only those who write this language.")
]
Cpv = Annotated[
    list[str] | None, typer.Option("--cpv", help="Only with this CPV code or beginning of one.")
]
Regions = Annotated[list[str] | None, typer.Option("--region", help="Only from this region.")]
MinEmployees = Annotated[int | None, typer.Option(min=0, help="Least number of employees.")]
MaxEmployees = Annotated[int | None, typer.Option(min=0, help="Greatest number of employees.")]
STAGES = ("lexical", "dense", "hybrid", "full")


def main() -> None:
    """Run the command line; errors made on purpose are one line and exit status 1."""
    try:
        app()
    except SamspillError as error:
        Console(stderr=True).print(f"[red]Error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"samspill {matcher.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Match public buyers' needs with suppliers across languages, and say why."""


@app.command()
def init(
    demo: Annotated[
        bool, typer.Option("--demo", help="Load the sample collection and index it.")
    ] = False,
    sample: Annotated[
        Path, typer.Option(help="Folder of the sample collection.", exists=True, file_okay=False)
    ] = Path(__file__).parent.parent / "data" / "sample",
) -> None:
    """Make the store, or bring its schema up to date. Nothing stored is lost."""
    from api import show
    from matcher.sources.intake import take_in
    from matcher.sources.table import read_table
    from matcher.store import Store

    settings = Settings.from_env()
    store = Store.create(settings.store_url)
    typer.echo(f"Store ready: {store.engine.url.render_as_string()}")
    if demo:
        files = [sample / "needs.jsonl", sample / "suppliers.jsonl"]
        show.report(take_in(store, read_table(files), settings.refused_dir))
        _reindex(settings)


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
    from api import show
    from matcher.sources.brreg import read_brreg
    from matcher.sources.eforms import read_eforms
    from matcher.sources.intake import take_in
    from matcher.sources.table import read_table
    from matcher.store import Store

    if rows not in ("auto", "needs", "suppliers"):
        raise typer.BadParameter(f"{rows!r}: needs, suppliers or auto", param_hint="--rows")
    if kind == "table":
        side = None if rows == "auto" else Kind(rows.removesuffix("s"))
        items = read_table(paths, side, _pairs(columns or []))
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
    with _counter("reading") as seen:
        report = take_in(store, (seen(item) for item in items), settings.refused_dir)
    if as_json:
        _print_json(report.as_dict())
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
    run = _reindex(Settings.from_env(), quiet=as_json)
    if as_json:
        _print_json(vars(run))


@app.command()
def match(
    need_id: Annotated[str | None, typer.Argument(help="Id of a stored need.")] = None,
    text: Annotated[
        str | None, typer.Option(help="A need as text instead; `-` reads standard input.")
    ] = None,
    lang: Annotated[
        str | None, typer.Option(help="Language of the text; found out if not given.")
    ] = None,
    k: Count = 10,
    country: Countries = None,
    written_in: Languages = None,
    cpv: Cpv = None,
    region: Regions = None,
    employees_min: MinEmployees = None,
    employees_max: MaxEmployees = None,
    stage: Annotated[str, typer.Option(help=f"How to rank: {', '.join(STAGES)}.")] = "full",
    as_json: AsJson = False,
) -> None:
    """Rank suppliers for a need, with reasons.

    `samspill match move-n1`, or
    `samspill match --text "Utslippsfri levering av varer til skolene" -k 5`
    """
    if (need_id is None) == (text is None):
        raise typer.BadParameter("give either NEED_ID or --text")
    from api import show

    filters = _filters(country, written_in, cpv, region, employees_min, employees_max)
    _check_stage(stage)
    service = _service()
    if text is not None:
        text = sys.stdin.read() if text == "-" else text
        found = service.match_text(text, _language(lang), Kind.NEED, k, filters, stage)
    else:
        found = service.match_record(Kind.NEED, str(need_id), k, filters, stage)
    show.matches(found, as_json)


@app.command()
def discover(
    supplier_id: Annotated[str, typer.Argument(help="Id of a stored supplier.")],
    k: Count = 10,
    country: Countries = None,
    written_in: Languages = None,
    cpv: Cpv = None,
    region: Regions = None,
    stage: Annotated[str, typer.Option(help=f"How to rank: {', '.join(STAGES)}.")] = "full",
    as_json: AsJson = False,
) -> None:
    """Rank the needs that a supplier could meet, with reasons."""
    from api import show

    filters = _filters(country, written_in, cpv, region, None, None)
    _check_stage(stage)
    found = _service().match_record(Kind.SUPPLIER, supplier_id, k, filters, stage)
    show.matches(found, as_json)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of processes.")] = 1,
) -> None:
    """Start the service: web pages at /, the API at /api/v1, its documentation at /api/docs."""
    import uvicorn

    from matcher.store import Store

    settings = Settings.from_env()
    Store.open(settings.store_url).close()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host or settings.host,
        port=settings.port if port is None else port,
        workers=workers,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
    )


@app.command()
def embed(
    input_: Annotated[
        Path, typer.Option("--input", exists=True, dir_okay=False, help="Text, one a line.")
    ],
    output: Annotated[Path, typer.Option("--output", help="NumPy file to write.")],
    role: Annotated[
        str, typer.Option(help="`query` or `passage`, for models that tell them apart.")
    ] = "passage",
) -> None:
    """Encode lines of text into a float32 array, one unit row a line. Needs no store."""
    import numpy as np

    from matcher.embed import Role, load_encoder

    if role not in [r.value for r in Role]:
        raise typer.BadParameter(f"{role!r}: query or passage", param_hint="--role")
    encoder = load_encoder(Settings.from_env().encoder)
    with input_.open("rb") as raw:
        total = sum(block.count(b"\n") for block in iter(lambda: raw.read(1 << 22), b""))
        raw.seek(max(0, raw.tell() - 1))
        total += raw.read(1) not in (b"", b"\n")
    if total == 0:
        raise InputError(f"{input_}: the file is empty")
    vectors = np.lib.format.open_memmap(
        output, mode="w+", dtype=np.float32, shape=(total, encoder.dimension)
    )
    with _progress() as bar:
        task = bar.add_task("encoding", total=total)
        for start, lines in _line_batches(input_, 16_384):
            vectors[start : start + len(lines)] = encoder.encode(lines, Role(role))
            bar.advance(task, len(lines))
    vectors.flush()
    typer.echo(f"{output}: {total} x {encoder.dimension}", err=True)


@app.command()
def evaluate(
    collection: Annotated[
        Path,
        typer.Argument(
            help="Folder with needs.jsonl, suppliers.jsonl and qrels.tsv.", file_okay=False
        ),
    ],
    stage: Annotated[
        str | None, typer.Option(help=f"Only one of {', '.join(STAGES)}; all if not given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--json", help="Write the results to this file as well.")
    ] = None,
) -> None:
    """Measure the ranking on a collection with judgements. Needs no store."""
    from api import show
    from matcher.collection import read_collection
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.evaluate import evaluate as run

    if stage is not None:
        _check_stage(stage)
    found = read_collection(collection)
    for problem in found.problems:
        typer.echo(f"Warning: {problem}", err=True)
    encoder = load_encoder(Settings.from_env().encoder)
    word_encoder = load_word_encoder(encoder)
    results = []
    for name in [stage] if stage else STAGES:
        with _progress() as bar:
            task = bar.add_task(name, total=len(found.needs))
            evaluation = run(
                found,
                name,
                encoder,
                word_encoder,
                partial(_advance, bar, task),
            )
        results.append(evaluation.as_dict())
    if output:
        content = results[0] if stage else {r["stage"]: r for r in results}
        output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    show.evaluations(results)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Tell what is stored, what is indexed, and how the last re-index runs went."""
    from dataclasses import asdict

    from api import show
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
        _print_json(values)
    else:
        show.status(values)


# -- helpers


def _service() -> Any:
    from matcher.service import Service

    return Service(Settings.from_env())


def _reindex(settings: Settings, quiet: bool = False) -> Any:
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.reindex import reindex as run
    from matcher.store import Store

    store = Store.open(settings.store_url)
    encoder = load_encoder(settings.encoder)
    with _progress() as bar:
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


def _filters(
    country: list[str] | None,
    written_in: list[str] | None,
    cpv: list[str] | None,
    region: list[str] | None,
    employees_min: int | None,
    employees_max: int | None,
) -> Any:
    from matcher.index import Filters

    try:
        return Filters(
            countries=tuple(country or ()),
            languages=tuple(written_in or ()),
            cpv=tuple(cpv or ()),
            regions=tuple(region or ()),
            employees_min=employees_min,
            employees_max=employees_max,
        )
    except ValidationError as error:
        raise typer.BadParameter("; ".join(e["msg"] for e in error.errors())) from error


def _language(lang: str | None) -> str:
    if lang is not None and lang not in LANGUAGES:
        raise typer.BadParameter(f"{lang!r}: one of {', '.join(LANGUAGES)}", param_hint="--lang")
    return lang or "und"


def _check_stage(stage: str) -> None:
    if stage not in STAGES:
        raise typer.BadParameter(f"{stage!r}: one of {', '.join(STAGES)}", param_hint="--stage")


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for item in given:
        name, equals, heading = item.partition("=")
        if not equals:
            raise typer.BadParameter(f"{item!r} is not FIELD=HEADING", param_hint="--map")
        pairs[name.strip()] = heading.strip()
    return pairs


def _advance(bar: Progress, task: TaskID, done: int, _total: int) -> None:
    bar.update(task, completed=done)


def _line_batches(path: Path, size: int) -> Iterator[tuple[int, list[str]]]:
    start, batch = 0, []
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            batch.append(line.rstrip("\r\n"))
            if len(batch) == size:
                yield start, batch
                start, batch = start + size, []
    if batch:
        yield start, batch


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


@contextmanager
def _counter(what: str) -> Iterator[Any]:
    """Show how many items went by, for streams whose end is not known."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=None)

        def seen(item: Any) -> Any:
            bar.advance(task)
            return item

        yield seen


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


if __name__ == "__main__":
    main()
