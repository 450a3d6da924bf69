"""Generations change under readers; damaged ones are noticed; the last one can come back."""

import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from matcher.embed import StaticEncoder
from matcher.errors import DamagedIndexError, NoGenerationError, NotFoundError
from matcher.index import build_generation, current_name, open_verified, publish, roll_back
from matcher.index.manifest import Manifest, verify
from matcher.records import Kind, Record
from matcher.reindex import reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store
from matcher.text import TermMaker
from tests.reliability.conftest import LONG, supplier

SWAPS = 1000 if LONG else 40
READERS = 8


def make(root: Path, numbers: range, encoder: StaticEncoder, maker: TermMaker) -> str:
    """Build a generation that has seen more than the store will ever hold."""
    records: list[Record] = sorted((supplier(n) for n in numbers), key=lambda r: r.id)
    folder = build_generation(
        root,
        lambda kind: records if kind is Kind.SUPPLIER else [],
        10**9,
        encoder,
        encoder,
        maker,
    )
    return folder.name


@pytest.mark.timeout(3600)
def test_no_answer_mixes_two_generations(
    settings: Settings, filled: Store, encoder: StaticEncoder, term_maker: TermMaker
) -> None:
    root = settings.generations_dir
    numbers = {}
    for begin in (0, 100):
        numbers[make(root, range(begin, begin + 30), encoder, term_maker)] = begin
    names = list(numbers)
    publish(root, names[0])
    service = Service(settings)
    need = supplier(5)
    served: set[str] = set()
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                matcher = service.matcher
                result = matcher.match(matcher.prepare(need, Kind.NEED), 30)
                begin = numbers[result.generation]
                found = {int(h.record_id[1:]) for h in result.hits}
                if found != set(range(begin, begin + 30)):
                    wrong.append((result.generation, found))
                served.add(result.generation)
            except Exception as error:
                wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for swap in range(SWAPS):
        publish(root, names[(swap + 1) % 2])
        stop.wait(0.02)
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert served == set(names)
    service.close()


@pytest.fixture(scope="module")
def two_generations(
    tmp_path_factory: pytest.TempPathFactory, encoder: StaticEncoder, term_maker: TermMaker
) -> tuple[Path, list[str]]:
    root = tmp_path_factory.mktemp("generations")
    names = [make(root, range(n), encoder, term_maker) for n in (3, 4)]
    publish(root, names[1])
    return root, names


def test_one_flipped_byte_in_any_file_is_noticed(
    two_generations: tuple[Path, list[str]],
) -> None:
    root, (before, serving) = two_generations
    assert open_verified(root)[0].name == serving
    paths = [p for p in (root / serving).rglob("*") if p.is_file()]
    assert len(paths) > 50
    for path in paths:
        content = path.read_bytes()
        place = len(content) // 2
        flipped = bytes([content[place] ^ 1])
        path.write_bytes(content[:place] + flipped + content[place + 1 :])
        generation, problem = open_verified(root)
        path.write_bytes(content)
        assert generation.name == before, path
        assert path.stem in problem
    assert open_verified(root)[0].name == serving


def test_a_missing_file_and_a_wrong_name_are_noticed(
    two_generations: tuple[Path, list[str]],
) -> None:
    root, (before, serving) = two_generations
    path = root / serving / "suppliers" / "vectors.npy"
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(DamagedIndexError, match=r"vectors.npy is missing"):
        verify(root / serving)
    assert open_verified(root)[0].name == before
    path.write_bytes(content)
    publish(root, "000099-nowhere")
    generation, problem = open_verified(root)
    assert generation.name == serving
    assert "000099-nowhere" in problem
    publish(root, serving)


def test_the_previous_generation_serves_and_the_metric_says_so(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    first = reindex(filled, settings.data_dir, encoder, encoder)
    second = reindex(filled, settings.data_dir, encoder, encoder, full=True)
    path = settings.generations_dir / second.generation / "suppliers" / "postings.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 8]))
    with TestClient(create_app(settings)) as client:
        ready = client.get("/readyz").json()
        assert ready["generation"] == first.generation
        metrics = client.get("/metrics").text
        assert "samspill_index_damaged 1.0" in metrics
        assert 'samspill_job_succeeded{job="reindex"} 1.0' in metrics
    # The next run does not build on what is damaged.
    third = reindex(filled, settings.data_dir, encoder, encoder)
    verify(settings.generations_dir / third.generation)
    with TestClient(create_app(settings)) as client:
        assert client.get("/readyz").json()["generation"] == third.generation
        assert "samspill_index_damaged 0.0" in client.get("/metrics").text


def test_rolling_back_serves_the_generation_before(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    with pytest.raises(NotFoundError):
        roll_back(settings.generations_dir)
    first = reindex(filled, settings.data_dir, encoder, encoder)
    with pytest.raises(NotFoundError, match="no generation before"):
        roll_back(settings.generations_dir)
    reindex(filled, settings.data_dir, encoder, encoder)
    assert roll_back(settings.generations_dir) == first.generation
    assert current_name(settings.generations_dir) == first.generation
    third = reindex(filled, settings.data_dir, encoder, encoder)
    assert int(third.generation.split("-")[0]) == 3


def test_without_any_whole_generation_the_mend_is_named(tmp_path: Path) -> None:
    (tmp_path / "000001-x").mkdir()
    publish(tmp_path, "000001-x")
    with pytest.raises(NoGenerationError, match="samspill reindex"):
        open_verified(tmp_path)


def test_a_large_generation_serves_at_once_and_is_verified_beside(
    settings: Settings, filled: Store, encoder: StaticEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matcher.index.generation.VERIFIED_FIRST", 0)
    first = reindex(filled, settings.data_dir, encoder, encoder)
    second = reindex(filled, settings.data_dir, encoder, encoder, full=True)
    going = threading.Event()

    def later(folder: Path) -> Manifest:
        going.wait(30)
        return verify(folder)

    monkeypatch.setattr("matcher.service.verify", later)
    path = settings.generations_dir / second.generation / "suppliers" / "postings.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 8]))
    service = Service(settings)
    assert service.matcher.generation.name == second.generation
    assert not service.problem
    going.set()
    for _ in range(300):
        if service.generation_name == first.generation:
            break
        time.sleep(0.1)
    assert service.matcher.generation.name == first.generation
    assert "postings" in service.problem
    service.close()
    # One whose files cannot even be opened never serves.
    path.write_bytes(content[:20])
    service = Service(settings)
    assert service.matcher.generation.name == first.generation
    assert service.problem
    service.close()
