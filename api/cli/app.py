"""The application that commands register with."""

from __future__ import annotations

from typing import Annotated

import typer

import matcher

app = typer.Typer(
    name="samspill",
    help="Match public buyers' needs with suppliers across languages, and say why.\n\n"
    'Begin with `samspill init --demo`, then `samspill match --text "..."`.',
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


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
