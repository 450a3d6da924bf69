"""A throw-away PostgreSQL server: no network, in a folder of its own, gone with the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from matcher.store import Store

_TEMPLATE = "samspill_template"


@dataclass
class Server:
    """The server; makes databases.

    Attributes:
        folder: Holds its files and its socket.
    """

    folder: Path
    user: str
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.folder}"

    def empty(self) -> str:
        """Make a database without a store and return its URL."""
        return self._make("template0")

    def store(self) -> str:
        """Make a database with an empty store and return its URL."""
        return self._make(_TEMPLATE)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.ask(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def copy(self, url: str) -> str:
        """Copy a database that nobody is connected to and return the URL of the copy."""
        return self._make(str(make_url(url).database))

    def ask(self, query: str, *values: Any) -> list[Any]:
        """Ask the server outside of transactions."""
        with psycopg.connect(
            host=str(self.folder), user=self.user, dbname="postgres", autocommit=True
        ) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def _make(self, template: str) -> str:
        name = f"test{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)


@contextmanager
def server() -> Iterator[Server]:
    """Run a server; skip the test where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not found:
        pytest.skip("PostgreSQL is not installed: run `make test-deps` as root")
    programs = found[-1]
    # The server refuses to run as root; Debian's package makes a user for it.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="samspill-pg-", dir=_quick_folder()))
    running = None
    try:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        common: dict[str, Any] = {"user": user, "cwd": folder, "stdin": subprocess.DEVNULL}
        if user:
            common |= {"group": user, "extra_groups": []}
        with (folder / "log").open("wb") as log:
            common |= {"stdout": log, "stderr": log}
            subprocess.run(
                [programs / "initdb", "-D", data, "-A", "trust", "-U", "samspill", "-E", "UTF8",
                 "--locale=C.UTF-8", "--no-sync"], check=True, **common,
            )  # fmt: skip
            options = {
                "listen_addresses": "", "unix_socket_directories": str(folder),
                # Nothing here needs to survive the machine.
                "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
                "max_connections": "200", "timezone": "Asia/Tokyo",
            }  # fmt: skip
            words = [w for name, value in options.items() for w in ("-c", f"{name}={value}")]
            running = subprocess.Popen([programs / "postgres", "-D", data, *words], **common)
        here = Server(folder, "samspill")
        _wait(here, running)
        here.ask(f"CREATE DATABASE {_TEMPLATE}")
        Store.create(here.url(_TEMPLATE)).close()
        yield here
    finally:
        if running is not None:
            running.send_signal(signal.SIGQUIT)
            running.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _quick_folder() -> str | None:
    """Return a folder in memory if there is a large one: databases are made for every test."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else None


def _wait(here: Server, running: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            here.ask("SELECT 1")
            return
        except psycopg.OperationalError:
            if running.poll() is not None:
                break
            time.sleep(0.05)
    pytest.fail((here.folder / "log").read_text())
