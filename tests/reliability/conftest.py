"""A store of invented snow-clearing firms, and how often the long forms do things."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.embed import StaticEncoder
from matcher.records import Supplier, Text
from matcher.settings import Settings
from matcher.store import Store
from matcher.text import TermMaker

LONG = bool(os.environ.get("SAMSPILL_TEST_LONG"))
"""Set by `make test-reliability`: every test then runs as often as the requirement says."""


def supplier(number: int, word: str = "") -> Supplier:
    body = f"Vi leverer brøyting og strøing nummer {number}. {word}"
    return Supplier(id=f"s{number}", name=f"Firma {number}", texts=(Text(lang="nb", body=body),))


@pytest.fixture(autouse=True)
def _loaded_once(
    monkeypatch: pytest.MonkeyPatch, encoder: StaticEncoder, term_maker: TermMaker
) -> None:
    """Services and jobs share what takes seconds to load."""
    monkeypatch.setattr("matcher.service.TermMaker", lambda: term_maker)
    monkeypatch.setattr("matcher.service.load_encoder", lambda _: encoder)
    monkeypatch.setattr("matcher.reindex.TermMaker", lambda **_: term_maker)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", _env_file=None)


@pytest.fixture
def filled(settings: Settings) -> Iterator[Store]:
    store = Store.create(settings.store_url)
    store.save([supplier(n) for n in range(5)])
    yield store
    store.close()
