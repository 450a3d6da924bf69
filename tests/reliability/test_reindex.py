"""A run that cannot succeed says why and leaves everything as it was."""

import multiprocessing
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from matcher.embed import Role, StaticEncoder
from matcher.errors import BuildError, LockedError
from matcher.index import current_name, generation_names, open_current
from matcher.index.manifest import read_manifest
from matcher.records import Kind
from matcher.reindex import lock, reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store
from matcher.store.runs import last_done, last_runs
from tests.reliability.conftest import supplier


class OtherEncoder:
    """The bundled encoder under another fingerprint, as after a new training."""

    name = "other"
    fingerprint = "0123456789abcdef"

    def __init__(self, encoder: StaticEncoder) -> None:
        self._encoder = encoder
        self.dimension = encoder.dimension

    def encode(self, texts: Sequence[str], role: Role = Role.PASSAGE) -> np.ndarray:
        return self._encoder.encode(texts, role)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("matcher.index.assemble.save_array", OSError(28, "No space left on device")),
        ("matcher.index.generation.sync_tree", OSError(5, "Input/output error")),
        ("matcher.index.generation.verify", BuildError("a file is not as it was written")),
        ("matcher.reindex.publish", OSError(30, "Read-only file system")),
    ],
)
def test_a_failed_run_leaves_the_serving_generation(
    settings: Settings,
    filled: Store,
    encoder: StaticEncoder,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    error: Exception,
) -> None:
    first = reindex(filled, settings.data_dir, encoder, encoder)

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(place, broken)
    with pytest.raises(BuildError, match=str(error.args[-1])):
        reindex(filled, settings.data_dir, encoder, encoder)
    assert current_name(settings.generations_dir) == first.generation
    assert not list(settings.generations_dir.glob("*.building"))
    newest, oldest = last_runs(filled)
    assert (newest.outcome, oldest.outcome) == ("failed", "done")
    assert str(error.args[-1]) in newest.error
    assert last_done(filled, "reindex") == oldest
    monkeypatch.undo()
    assert reindex(filled, settings.data_dir, encoder, encoder).outcome == "done"


def test_a_folder_that_cannot_be_written_is_named(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    settings.generations_dir.write_text("not a folder")
    with pytest.raises(BuildError, match="generations"):
        reindex(filled, settings.data_dir, encoder, encoder)


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
    # The holder was killed, not asked: its lock is free all the same, though its name is there.
    assert f"process {process.pid}" in path.read_text()
    assert reindex(filled, settings.data_dir, encoder, encoder).outcome == "done"


def test_a_run_prepares_what_changed_and_takes_over_the_rest(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    filled.save([supplier(n) for n in range(100)])
    first = reindex(filled, settings.data_dir, encoder, encoder)
    assert first.changes == 100
    filled.save([supplier(7, "Vi tømmer også sandfang."), supplier(500)])
    # The same words under another id, and the same record in another region.
    filled.save([supplier(8).model_copy(update={"id": "copy"})])
    filled.save([supplier(9).model_copy(update={"region": "Troms"})])
    filled.delete(Kind.SUPPLIER, "s3")
    run = reindex(filled, settings.data_dir, encoder, encoder)
    assert run.changes == 5
    updated = open_current(settings.generations_dir)
    assert updated.manifest.updated == 5
    again = reindex(filled, settings.data_dir, encoder, encoder, full=True)
    assert again.changes == 101
    full = open_current(settings.generations_dir)
    one, other = updated.sides[Kind.SUPPLIER], full.sides[Kind.SUPPLIER]
    assert list(one.ids) == list(other.ids)
    everyone = np.arange(len(one))
    for record in everyone:
        names = [
            {side.vocabulary.strings[int(t)] for t in side.terms(np.array([record])).values}  # type: ignore[attr-defined]
            for side in (one, other)
        ]
        assert names[0] == names[1]
    np.testing.assert_array_equal(one.facets.regions > 0, other.facets.regions > 0)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(one.passages(everyone)[1], other.passages(everyone)[1])


def test_an_encoder_that_changed_prepares_everything_anew(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    reindex(filled, settings.data_dir, OtherEncoder(encoder), encoder)
    service = Service(settings)
    ready, reason = service.ready()
    assert not ready
    assert "samspill reindex --full" in reason
    assert reindex(filled, settings.data_dir, encoder, encoder).changes == 5
    assert service.ready()[0]
    service.close()


def test_order_does_not_depend_on_the_clock(
    settings: Settings, filled: Store, encoder: StaticEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reindex(filled, settings.data_dir, encoder, encoder)

    class Past(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Past":
            return cls(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr("matcher.index.generation.datetime", Past)
    monkeypatch.setattr("matcher.store.runs.datetime", Past)
    second = reindex(filled, settings.data_dir, encoder, encoder)
    third = reindex(filled, settings.data_dir, encoder, encoder)
    assert generation_names(settings.generations_dir) == [third.generation, second.generation]
    assert first.generation not in generation_names(settings.generations_dir)
    assert current_name(settings.generations_dir) == third.generation
    assert [r.generation for r in last_runs(filled)][:2] == [third.generation, second.generation]
    assert second.seconds >= 0
    assert read_manifest(settings.generations_dir / third.generation).sequence == 5
