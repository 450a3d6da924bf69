"""Connections to the store's database, and its migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from matcher.errors import NotInitialisedError

_MIGRATIONS = Path(__file__).parent / "migrations"


def make_engine(url: str) -> Engine:
    """Make an engine; on SQLite with WAL, foreign keys and full synchronisation.

    ``synchronous=FULL`` makes an acknowledged write survive a power cut: in WAL mode the
    default of some builds (NORMAL) may lose the last transactions.
    """
    # On SQLite a writer that waits holds a connection: a bound on them could leave none for
    # the one writer that is at work and has to read.
    in_file = make_url(url).get_backend_name() == "sqlite" and bool(make_url(url).database)
    # Values of a statement that failed may be personal, and errors are logged.
    engine = create_engine(url, hide_parameters=True, **({"max_overflow": -1} if in_file else {}))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions on its own: it starts them too late for a
    # consistent snapshot and as readers, which makes an upgrade to a writer fail under load.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "foreign_keys=ON",
        "synchronous=FULL",
        "busy_timeout=30000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("samspill_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, making the database if need be."""
    url = make_url(engine.url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    config = _config()
    with engine.execution_options(samspill_write=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_revision(engine: Engine) -> None:
    """Make sure that the schema is the one this version of the program needs.

    Raises:
        NotInitialisedError: There is no store, or it has another schema.
    """
    url = make_url(engine.url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise NotInitialisedError(
            f"no store at {url.database}: run `samspill init` (or `samspill init --demo`)"
        )
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise NotInitialisedError(
            f"the store at {url.render_as_string()} cannot be opened: {error.orig}"
        ) from error
    if found != wanted:
        raise NotInitialisedError(
            f"the store has schema {found or 'none'}, this version needs {wanted}: "
            "run `samspill init`, which migrates it and keeps all records"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
