"""Shared fixtures: one small service with the sample collection, made once a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from matcher.collection import Collection, read_collection
from matcher.embed import StaticEncoder, load_encoder
from matcher.reindex import reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.sources.intake import take_in
from matcher.sources.table import read_table
from matcher.store import Store
from matcher.text import TermMaker
from tests.postgres import Server, server

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "data" / "sample"
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where nothing may be skipped, a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and os.environ.get("SAMSPILL_TEST_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but skips are failures here: {call.excinfo}"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the user's machine leaks into a test."""
    for name in list(os.environ):
        if name.startswith("SAMSPILL_") and not name.startswith("SAMSPILL_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def encoder() -> StaticEncoder:
    """Return the bundled encoder."""
    found = load_encoder("bundled")
    assert isinstance(found, StaticEncoder)
    return found


@pytest.fixture(scope="session")
def term_maker() -> TermMaker:
    """Return a term maker with the fast dictionaries."""
    return TermMaker(low_memory=False)


@pytest.fixture(scope="session")
def sample() -> Collection:
    """Return the sample collection."""
    return read_collection(SAMPLE)


@pytest.fixture(scope="session")
def demo_settings(tmp_path_factory: pytest.TempPathFactory, encoder: StaticEncoder) -> Settings:
    """Return the settings of a service that holds the indexed sample collection."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("demo"), _env_file=None)
    _fill(settings)
    store = Store.open(settings.store_url)
    reindex(store, settings.data_dir, encoder, encoder)
    store.close()
    return settings


def _fill(settings: Settings) -> None:
    store = Store.create(settings.store_url)
    files = [SAMPLE / "needs.jsonl", SAMPLE / "suppliers.jsonl"]
    report = take_in(store, read_table(files), settings.refused_dir)
    assert not report.refused
    store.close()


@pytest.fixture(scope="session")
def service(demo_settings: Settings) -> Iterator[Service]:
    """Return a service over the sample collection."""
    found = Service(demo_settings)
    yield found
    found.close()


@pytest.fixture(scope="session")
def client(demo_settings: Settings) -> Iterator[TestClient]:
    """Return an HTTP client of the service over the sample collection."""
    with TestClient(create_app(demo_settings), raise_server_exceptions=False) as found:
        yield found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Return a PostgreSQL server, started when the first test asks for it."""
    with server() as found:
        yield found


@pytest.fixture(scope="session")
def _demo_database(demo_settings: Settings, postgres: Server) -> str:
    """Return the URL of a database that holds the sample collection, to make copies of."""
    url = postgres.store()
    _fill(demo_settings.model_copy(update={"database_url": url}))
    return url


@pytest.fixture(scope="module")
def demo_copy(_demo_database: str, postgres: Server) -> Iterator[str]:
    """Return the URL of a PostgreSQL database that holds the sample collection."""
    url = postgres.copy(_demo_database)
    yield url
    postgres.drop(url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def demo_on_both(request: pytest.FixtureRequest, demo_settings: Settings) -> Settings:
    """Return the settings of the service over the sample collection, on both databases."""
    if request.param == "sqlite":
        return demo_settings
    url = request.getfixturevalue("demo_copy")
    return demo_settings.model_copy(update={"database_url": url})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked so on both databases, everything else on SQLite."""
    if "store_url" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("both_databases") is not None
        databases = ["sqlite", "postgresql"] if both else ["sqlite"]
        metafunc.parametrize("store_url", databases, indirect=True, ids=None if both else [""])


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a store to be made."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite'}"
        return
    postgres: Server = request.getfixturevalue("postgres")
    url = postgres.store()
    yield url
    postgres.drop(url)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an empty store."""
    found = Store.create(store_url)
    yield found
    found.close()
