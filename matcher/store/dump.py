"""Copies of a store in PostgreSQL, made and put back by PostgreSQL's own tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, inspect, make_url

from matcher.errors import BackupError
from matcher.store.engine import make_engine


def dump(url: str, file: Path) -> None:
    """Write the whole database into a file, as it stands at one moment, while it is used.

    Raises:
        BackupError: The tools are not installed, are older than the server, or failed.
    """
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")
    # Reads the table of contents: a file cut short is found here.
    _run("pg_restore", None, "--list", str(file))


def load(url: str, file: Path) -> None:
    """Replace the database's content by that of a file of :func:`dump`: all of it, or nothing.

    Raises:
        BackupError: As for :func:`dump`.
    """
    _run(
        "pg_restore", url, "--single-transaction", "--exit-on-error", "--clean", "--if-exists",
        "--no-owner", "--no-privileges", str(file),
    )  # fmt: skip


def holds_store(url: str) -> bool:
    """Whether there is a store in the database."""
    engine = make_engine(url)
    try:
        return inspect(engine).has_table("change_sequence")
    finally:
        engine.dispose()


def _run(tool: str, url: str | None, *arguments: str) -> None:
    path = shutil.which(tool)
    if path is None:
        raise BackupError(
            f"a store in PostgreSQL is copied by `{tool}`, which is not installed: install the "
            "server's client programs (Debian: `apt-get install postgresql-client`), or use your "
            "database's own backups; the index is rebuilt by `samspill reindex --full`"
        )
    command, environment = [path, *arguments], dict(os.environ)
    if url is not None:
        found = make_url(url)
        command.append(f"--dbname={_connection(found)}")
        if found.password:
            # Not among the arguments, which every user of the machine can see.
            environment["PGPASSWORD"] = str(found.password)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise BackupError(f"{tool} failed: {done.stderr.strip()[-1000:]}")


def _connection(url: URL) -> str:
    """Return where the database is, in libpq's words and without the password."""
    values = url.translate_connect_args(username="user", database="dbname")
    values |= {
        name: value if isinstance(value, str) else ",".join(value)
        for name, value in url.query.items()
    }
    return " ".join(
        f"{name}={_quoted(str(value))}"
        for name, value in values.items()
        if name not in ("password", "pool_size")
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
