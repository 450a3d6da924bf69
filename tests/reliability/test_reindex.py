import multiprocessing
import threading
from pathlib import Path

import pytest

from matcher.embed import StaticEncoder
from matcher.errors import LockedError
from matcher.index import current_name
from matcher.records import Kind, Supplier, Text
from matcher.reindex import last_runs, lock, reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store


def supplier(number: int) -> Supplier:
    body = f"Vi leverer brøyting og strøing nummer {number}."
    return Supplier(id=f"s{number}", name=f"Firma {number}", texts=(Text(lang="nb", body=body),))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", _env_file=None)


@pytest.fixture
def filled(settings: Settings) -> Store:
    store = Store.create(settings.store_url)
    store.save([supplier(n) for n in range(5)])
    return store


def test_a_failed_run_leaves_the_serving_generation(
    settings: Settings, filled: Store, encoder: StaticEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reindex(filled, settings.data_dir, encoder, encoder)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matcher.index.side.save_array", broken)
    with pytest.raises(OSError, match="No space"):
        reindex(filled, settings.data_dir, encoder, encoder)
    assert current_name(settings.generations_dir) == first.generation
    assert {p.name for p in settings.generations_dir.iterdir()} == {first.generation, "CURRENT"}
    newest, oldest = last_runs(settings.data_dir)
    assert (newest.outcome, oldest.outcome) == ("failed", "published")
    assert "No space" in newest.error


def _hold(path: Path, held: threading.Event, free: threading.Event) -> None:
    with lock(path):
        held.set()
        free.wait(60)


def test_a_second_run_says_who_is_at_work(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    context = multiprocessing.get_context("spawn")
    held, free = context.Event(), context.Event()
    path = settings.data_dir / "reindex.lock"
    process = context.Process(target=_hold, args=(path, held, free))
    process.start()
    assert held.wait(60)
    with pytest.raises(LockedError, match=f"process {process.pid}"):
        reindex(filled, settings.data_dir, encoder, encoder)
    process.kill()
    process.join()
    # The holder was killed, not asked: its lock is free all the same.
    assert reindex(filled, settings.data_dir, encoder, encoder).outcome == "published"


def test_a_service_takes_up_a_new_generation_by_itself(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    first = reindex(filled, settings.data_dir, encoder, encoder)
    service = Service(settings)
    assert service.match_text("brøyting", "nb").result.generation == first.generation
    filled.save([supplier(99)])
    filled.delete(Kind.SUPPLIER, "s0")
    second = reindex(filled, settings.data_dir, encoder, encoder)
    found = service.match_text("brøyting", "nb")
    assert found.result.generation == second.generation
    ids = {m.record.id for m in found.matches}
    assert "s99" in ids
    assert "s0" not in ids
    service.close()
