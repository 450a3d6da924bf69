"""What commands share: options, progress, output and the way to the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from matcher.languages import LANGUAGES
from matcher.settings import Settings

if TYPE_CHECKING:
    from matcher.index import Filters
    from matcher.service import Service

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


def open_service() -> Service:
    """Open the service that the settings describe."""
    from matcher.service import Service

    return Service(Settings.from_env())


def make_filters(
    country: list[str] | None,
    written_in: list[str] | None,
    cpv: list[str] | None,
    region: list[str] | None,
    employees_min: int | None,
    employees_max: int | None,
) -> Filters:
    """Make filters from options; what makes no sense is wrong use."""
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


def known_language(lang: str | None) -> str:
    """Return a supported language, `und` if none is given; another is wrong use."""
    if lang is not None and lang not in LANGUAGES:
        raise typer.BadParameter(f"{lang!r}: one of {', '.join(LANGUAGES)}", param_hint="--lang")
    return lang or "und"


def check_stage(stage: str) -> None:
    """Refuse a stage that does not exist, as wrong use."""
    if stage not in STAGES:
        raise typer.BadParameter(f"{stage!r}: one of {', '.join(STAGES)}", param_hint="--stage")


def progress_bar() -> Progress:
    """Make a progress bar on standard error, gone when done."""
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
def counter(what: str) -> Iterator[Any]:
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


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
