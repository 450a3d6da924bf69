"""The command line ``samspill``: one module a group of commands."""

from __future__ import annotations

import sys

from rich.console import Console

from api import logs
from api.cli import (
    data,
    dialogue,
    encoder,
    jobs,
    matching,
    measure,
    merges,
    people,
    service,
    sync,
)
from api.cli.app import app
from matcher.errors import SamspillError

__all__ = [
    "app",
    "data",
    "dialogue",
    "encoder",
    "jobs",
    "main",
    "matching",
    "measure",
    "merges",
    "people",
    "service",
    "sync",
]


def main() -> None:
    """Run the command line; errors made on purpose are one line and exit status 1."""
    logs.configure("warning")
    try:
        app()
    except SamspillError as error:
        Console(stderr=True).print(f"[red]Error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
