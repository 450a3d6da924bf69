"""Connections to the store's database, SQLite or PostgreSQL, and its migrations.

What the rest of the store may rely on is the same on both:

* who reads sees one consistent state from the first statement to the last;
* writers come one after another, each from its first statement on, so that what one has looked
  at still holds when it writes, and change numbers become visible in their order.

SQLite has it by WAL and ``BEGIN IMMEDIATE``; PostgreSQL by REPEATABLE READ for readers and, for
writers, a lock on the row of the change sequence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DataError, OperationalError
from sqlalchemy.pool import NullPool

from matcher.errors import InputError, NotInitialisedError, SettingsError, UnavailableError

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 30
"""A writer waits for the one before it; the same on both databases."""
_POOL = 10
"""Connections to PostgreSQL a process keeps for reading, unless the URL says otherwise."""
# Of PostgreSQL's advisory lock under which the schema is changed; any number that stays.
_SCHEMA_LOCK = 5_391_770_862_116_400_523
# So long after a host fell silent, PostgreSQL ends its sessions and frees the locks they held.
_SESSION = f"""
    SET TIME ZONE 'UTC'; SET lock_timeout = '{_LOCK_SECONDS}s';
    SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3
"""


def make_engine(url: str) -> Engine:
    """Make an engine for reading.

    On PostgreSQL a parameter ``pool_size`` of the URL (10 if missing) says how many connections
    are kept; twice as many are opened at most.

    Raises:
        SettingsError: The URL cannot be used, or the database's driver is not installed.
    """
    try:
        found = make_url(url)
    except ArgumentError as error:
        raise SettingsError(f"SAMSPILL_DATABASE_URL: {error}") from error
    if found.get_backend_name() == "sqlite":
        return _sqlite(found)
    if found.get_backend_name() == "postgresql":
        size = _pool_size(found)
        engine = _postgresql(
            found, isolation_level="REPEATABLE READ", pool_size=size, max_overflow=size
        )
        return engine.execution_options(postgresql_readonly=True)
    raise SettingsError(
        f"SAMSPILL_DATABASE_URL: {found.get_backend_name()} is not supported; "
        "use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    )


def make_writer(engine: Engine) -> Engine:
    """Make an engine for writing to the same database.

    On PostgreSQL it has connections of its own: writers that wait for each other must leave
    some for the one that is at work and has to read.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(samspill_write=True)
    size = max(1, _pool_size(engine.url) // 2)
    writer = _postgresql(engine.url, pool_size=size, max_overflow=0, pool_timeout=_LOCK_SECONDS)
    return writer.execution_options(samspill_write=True)


def make_single(engine: Engine) -> Engine:
    """Make an engine for one connection to the same PostgreSQL, without transactions or pool."""
    return _postgresql(engine.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _sqlite(url: URL) -> Engine:
    # A writer that waits holds a connection here too: no bound on them, for they cost nothing.
    # Values of a statement that failed may be personal, and errors are logged.
    overflow = {"max_overflow": -1} if url.database else {}
    engine = create_engine(url, hide_parameters=True, **overflow)
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
        # In WAL mode the default of some builds (NORMAL) may lose the last transactions when
        # the power fails.
        "synchronous=FULL",
        f"busy_timeout={_LOCK_SECONDS * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("samspill_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _pool_size(url: URL) -> int:
    given = url.query.get("pool_size", str(_POOL))
    if not isinstance(given, str) or not given.isdecimal() or int(given) < 1:
        raise SettingsError(f"SAMSPILL_DATABASE_URL: pool_size={given} is no number above 0")
    return int(given)


def _postgresql(url: URL, **options: Any) -> Engine:
    try:
        # A connection that the server has closed meanwhile is noticed and replaced.
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            hide_parameters=True,
            **options,
        )
    except ModuleNotFoundError as error:
        raise SettingsError(
            "SAMSPILL_DATABASE_URL: PostgreSQL's driver is not installed; "
            "run `pip install 'samspill[postgresql]'`"
        ) from error
    event.listen(engine, "do_connect", _without_pool_size)
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "handle_error", _explain)
    return engine


def _without_pool_size(
    _dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]
) -> None:
    parameters.pop("pool_size", None)


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SESSION)
    connection.commit()


def _begin_postgresql(connection: Any) -> None:
    match connection.get_execution_options().get("samspill_write", False):
        case True:
            connection.exec_driver_sql("SELECT last FROM change_sequence FOR UPDATE")
        case "schema":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def _explain(context: ExceptionContext) -> None:
    """Say what PostgreSQL refused and why; its words hold no values."""
    if context.is_pre_ping:
        return  # A connection that was closed meanwhile is replaced.
    error, said = context.sqlalchemy_exception, context.original_exception
    reason = getattr(getattr(said, "diag", None), "message_primary", None) or str(said)
    if isinstance(error, DataError):
        raise InputError(f"PostgreSQL cannot keep a value: {reason}") from said
    if isinstance(error, OperationalError):
        raise UnavailableError(f"PostgreSQL cannot be asked: {reason}") from said


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, making an SQLite database if need be."""
    url = engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    config = _config()
    if engine.dialect.name == "sqlite":
        writer = engine.execution_options(samspill_write=True)
    else:
        writer = _postgresql(url, poolclass=NullPool).execution_options(samspill_write="schema")
    with writer.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_revision(engine: Engine) -> None:
    """Make sure that the schema is the one this version of the program needs.

    Raises:
        NotInitialisedError: There is no store, or it has another schema.
        UnavailableError: PostgreSQL does not answer.
    """
    url = engine.url
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
