"""Commands that keep the service going: re-index, nightly job, rollback, backup, state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.app import app
from api.cli.options import AsJson, print_json, progress_bar
from matcher.records import Kind
from matcher.settings import Settings

if TYPE_CHECKING:
    from matcher.nightly import Step
    from matcher.store.runs import Run

Jobs = Annotated[
    int, typer.Option("--jobs", min=0, help="Processes that prepare texts; 0 takes one a core.")
]


@app.command()
def reindex(
    full: Annotated[
        bool, typer.Option("--full", help="Prepare everything anew, whatever is unchanged.")
    ] = False,
    jobs: Jobs = 0,
    as_json: AsJson = False,
) -> None:
    """Build a new index from the store beside the serving one and put it in its place.

    What did not change since the serving index is taken over from it. If anything goes wrong the
    serving index stays as it is, and the exit status is 1.
    """
    run = run_reindex(Settings.from_env(), quiet=as_json, full=full, jobs=jobs)
    if as_json:
        print_json(run.as_dict())


@app.command()
def rollback() -> None:
    """Serve the generation before the serving one again. Running services take it up at once."""
    from matcher.index import roll_back
    from matcher.reindex import JOB, lock

    settings = Settings.from_env()
    with lock(settings.data_dir / f"{JOB}.lock"):
        name = roll_back(settings.generations_dir)
    typer.echo(f"Generation {name} serves; the next `samspill reindex` builds on it")


@app.command()
def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; `SAMSPILL_BACKUP_DIR` if not given.")
    ] = None,
    keep: Annotated[
        int, typer.Option(min=0, help="Backups kept in that folder, the newest; 0 keeps all.")
    ] = 0,
) -> None:
    """Copy the store and the serving index, while serving, into a folder of its own."""
    settings = Settings.from_env()
    typer.echo(f"Backup {run_backup(settings, folder or settings.backups, keep)}")


@app.command()
def restore(
    backup: Annotated[
        Path, typer.Argument(help="A backup, or a folder of them: the newest is taken.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a store that is there already.")
    ] = False,
) -> None:
    """Put a backup in place of the store and the index. Stop the service first.

    Every file is checked before anything is touched. A store that is replaced is kept beside,
    its name ending in `.replaced`.
    """
    from matcher.backup import restore as put_back
    from matcher.reindex import JOB, lock

    settings = Settings.from_env()
    with lock(settings.data_dir / f"{JOB}.lock"):
        generation = put_back(settings, backup, force)
    typer.echo(f"Restored to {settings.data_dir}, generation {generation or 'none'}")


@app.command()
def nightly(as_json: AsJson = False) -> None:
    """Do what each night needs: import feeds, re-index, send digests, back up, prune.

    A step that fails is reported and does not stop the others; the exit status is 1 then.
    """
    from matcher.nightly import run_nightly
    from matcher.store import Store
    from matcher.store.runs import DONE

    settings = Settings.from_env()
    os.nice(settings.job_nice)
    store = Store.open(settings.store_url)
    say = (lambda _: None) if as_json else typer.echo
    run = run_nightly(store, settings.data_dir, nightly_steps(settings), say)
    if as_json:
        print_json(run.as_dict())
    if run.outcome != DONE:
        raise typer.Exit(1)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Tell what is stored, what is indexed, and how the last jobs went."""
    from api.cli import show
    from matcher.index import current_name, generation_names
    from matcher.store import Store
    from matcher.store.runs import last_runs

    settings = Settings.from_env()
    store = Store.open(settings.store_url)
    values: dict[str, Any] = {
        "store": store.engine.url.render_as_string(),
        "needs": store.count(Kind.NEED),
        "suppliers": store.count(Kind.SUPPLIER),
        "last_change": store.last_change(),
        "generation": current_name(settings.generations_dir),
        "generations": generation_names(settings.generations_dir),
        "runs": [run.as_dict() for run in last_runs(store)],
    }
    if as_json:
        print_json(values)
    else:
        show.status(values)


def run_reindex(settings: Settings, quiet: bool = False, full: bool = False, jobs: int = 0) -> Run:
    """Run the job with a progress bar."""
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.reindex import reindex as run
    from matcher.store import Store

    store = Store.open(settings.store_url)
    encoder = load_encoder(settings.encoder)
    with progress_bar() as bar:
        tasks = {kind: bar.add_task(f"{kind}s", total=None) for kind in Kind}
        result = run(
            store,
            settings.data_dir,
            encoder,
            load_word_encoder(encoder),
            lambda kind, done, total: bar.update(tasks[kind], completed=done, total=total),
            full,
            jobs or os.cpu_count() or 1,
        )
    if not quiet:
        counts = ", ".join(f"{c['records']} {side}" for side, c in result.counts.items())
        typer.echo(
            f"Generation {result.generation}: {counts}, {result.changes} prepared, "
            f"in {result.seconds} s with {result.peak_memory / 1e6:.0f} MB"
        )
    return result


def run_backup(settings: Settings, folder: Path, keep: int) -> Path:
    """Back up while no job prunes what is being copied."""
    from matcher.backup import back_up
    from matcher.reindex import JOB, lock

    with lock(settings.data_dir / f"{JOB}.lock"):
        return back_up(settings, folder, keep)


def nightly_steps(settings: Settings) -> list[Step]:
    """Return what the night consists of, in order; further steps have their place here."""
    from matcher.nightly import Step

    def index() -> str:
        run = run_reindex(settings, quiet=True)
        return f"generation {run.generation}, {run.changes} changes, {run.seconds} s"

    def back_up() -> str:
        return str(run_backup(settings, settings.backups, settings.backups_kept))

    def tell() -> str:
        from api.cli.people import open_desk
        from matcher.workflow.notify import notify

        done = notify(open_desk(ranking=True))
        return f"{done.digests.letters} digests, {done.mail.sent} mails sent"

    return [Step("reindex", index), Step("notify", tell), Step("backup", back_up)]
