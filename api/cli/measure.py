"""Commands that measure a ranking and learn from judgements."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from api.cli.app import app
from api.cli.options import STAGES, check_stage, progress_bar
from matcher.collection import Collection, read_collection
from matcher.errors import InputError
from matcher.fusion import SIGNALS, Fusion
from matcher.settings import Settings

CollectionDir = Annotated[
    Path,
    typer.Argument(help="Folder with needs.jsonl, suppliers.jsonl and qrels.tsv.", file_okay=False),
]


@app.command()
def evaluate(
    collection: CollectionDir,
    stage: Annotated[
        str | None, typer.Option(help=f"Only one of {', '.join(STAGES)}; all if not given.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help=f"Leave a signal out of the ranking: {', '.join(SIGNALS)}; repeatable."),
    ] = None,
    ablate: Annotated[
        bool, typer.Option(help="Also rank without each signal in turn, with a paired test.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--json", help="Write the results to this file as well.")
    ] = None,
) -> None:
    """Measure the ranking on a collection with judgements. Needs no store.

    Prints 95 % bootstrap intervals over needs, and how reliable the bands are.
    """
    from api.cli import show_measures as show
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.evaluate import Bench

    if stage is not None:
        check_stage(stage)
    settings = Settings.from_env()
    fusion = _without(Fusion.serving(settings.fusion_file), without or [])
    found = _read(collection)
    encoder = load_encoder(settings.encoder)
    ablations = []
    with Bench(found, encoder, load_word_encoder(encoder)) as bench, progress_bar() as bar:

        def run(name: str, weights: Fusion) -> dict[str, Any]:
            task = bar.add_task(name, total=len(found.needs))
            return bench.run(name, weights, partial(_advance, bar, task)).as_dict()

        results = [run(name, fusion) for name in ([stage] if stage else STAGES)]
        if ablate:
            ablations = [(s, run("full", _without(fusion, [s]))) for s in SIGNALS]
    if output:
        content = results[0] if stage else {r["stage"]: r for r in results}
        output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    show.evaluations(results)
    if ablate:
        show.ablations(results[-1], ablations)


@app.command()
def compare(
    one: Annotated[Path, typer.Argument(help="Written by `evaluate --stage S --json FILE`.")],
    other: Annotated[Path, typer.Argument(help="Likewise, with another configuration.")],
) -> None:
    """Compare two results on the same collection, need by need, with a randomisation test."""
    from api.cli import show_measures as show
    from matcher.evaluate import paired_test

    first, second = _result(one), _result(other)
    rows = []
    for metric, values in first["per_need"].items():
        difference, p = paired_test(values, second["per_need"][metric])
        rows.append((metric, first["metrics"][metric], second["metrics"][metric], difference, p))
    show.comparison(rows)


@app.command()
def tune(
    collection: CollectionDir,
    out: Annotated[
        Path | None, typer.Option(help="File to write; the one in the data folder if not given.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Measure only, write nothing.")] = False,
    bands_only: Annotated[
        bool, typer.Option(help="Keep the weights; fit only the bands (strong, possible, weak).")
    ] = False,
) -> None:
    """Fit the weights of the ranking and its bands to judgements.

    Measured by cross-validation over needs; written only if the needs a model had not seen rank
    better. The service takes it up at its next start.
    """
    from api.cli import show_measures as show
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.evaluate import Bench
    from matcher.tune import Judged
    from matcher.tune import tune as run

    settings = Settings.from_env()
    prior = Fusion.serving(settings.fusion_file)
    found = _read(collection)
    encoder = load_encoder(settings.encoder)
    with Bench(found, encoder, load_word_encoder(encoder)) as bench, progress_bar() as bar:
        task = bar.add_task("rank", total=len(found.needs))
        judged = Judged.of(bench.run("full", prior, partial(_advance, bar, task)))
    tuning = run(judged, prior, str(collection), keep_weights=bands_only)
    show.tuning(tuning, prior)
    if check:
        return
    if not (tuning.better or bands_only):
        typer.echo("Not better on needs it had not seen: nothing written")
        raise typer.Exit(1)
    target = out or settings.fusion_file
    target.parent.mkdir(parents=True, exist_ok=True)
    tuning.fusion.write(target)
    typer.echo(f"Written to {target}")


def _read(folder: Path) -> Collection:
    found = read_collection(folder)
    for problem in found.problems:
        typer.echo(f"Warning: {problem}", err=True)
    return found


def _result(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no result of `evaluate` ({error})") from error
    if "per_need" not in content:
        raise InputError(f"{path}: holds no values by need; evaluate one --stage into it")
    return content


def _without(fusion: Fusion, names: list[str]) -> Fusion:
    for name in names:
        if name not in SIGNALS:
            raise typer.BadParameter(
                f"{name!r}: one of {', '.join(SIGNALS)}", param_hint="--without"
            )
    return fusion.without(names)


def _advance(bar: Progress, task: TaskID, done: int, _total: int) -> None:
    bar.update(task, completed=done)
