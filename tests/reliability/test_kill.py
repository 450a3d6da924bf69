"""`kill -9` at any moment of a re-index, while others write."""

import contextlib
import multiprocessing
import os
import random
import signal
import threading
from pathlib import Path

import pytest

import matcher.reindex
from matcher.embed import StaticEncoder
from matcher.index import open_verified
from matcher.records import Kind
from matcher.reindex import reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store
from matcher.store.runs import last_runs
from tests.conftest import ROOT
from tests.reliability.conftest import LONG, supplier

KILLS = 200 if LONG else 8


def _run_and_die(settings: Settings, deadly: int, after: bool, started: threading.Event) -> None:
    """Re-index; die at the n-th operation on files that matters, if n is one."""
    seen = 0

    def deadly_after(function):  # type: ignore[no-untyped-def]
        def wrapped(*given, **named):  # type: ignore[no-untyped-def]
            nonlocal seen
            seen += 1
            if seen == deadly and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*given, **named)
            if seen == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    from tests.reliability.preloaded import ENCODER, MAKER

    assert isinstance(ENCODER, StaticEncoder)
    matcher.reindex.TermMaker = lambda **_: MAKER  # type: ignore[assignment,misc,attr-defined]
    store = Store.open(settings.store_url)
    started.set()
    for name in ("replace", "rename"):
        setattr(Path, name, deadly_after(getattr(Path, name)))
    reindex(store, settings.data_dir, ENCODER, ENCODER)


@pytest.mark.timeout(3600)
def test_killed_at_any_moment_nothing_is_lost(
    settings: Settings, filled: Store, encoder: StaticEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    filled.save([supplier(n) for n in range(60)])
    reindex(filled, settings.data_dir, encoder, encoder)
    # A server that has read the program already: what is killed starts in no time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.reliability.preloaded", "matcher.reindex"])
    draw = random.Random(7)
    acknowledged: list[int] = []
    stop = threading.Event()

    def write() -> None:
        store = Store.open(settings.store_url)
        while not stop.is_set():
            number = 1000 + len(acknowledged)
            store.save([supplier(number)])
            acknowledged.append(number)
            stop.wait(0.05)
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    died = 0
    try:
        for kill in range(KILLS):
            # Half die before or after a rename (of the folder, of CURRENT, of what is pruned),
            # half at a random moment.
            planted = kill % 2 == 0
            deadly, after = (1 + kill // 4 % 3, kill % 4 == 0) if planted else (0, False)
            started = context.Event()
            process = context.Process(target=_run_and_die, args=(settings, deadly, after, started))
            process.start()
            assert started.wait(120)
            process.join(None if planted else draw.uniform(0, 1.0))
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.join()
            died += process.exitcode == -signal.SIGKILL
            generation, problem = open_verified(settings.generations_dir)
            assert not problem
            assert len(generation.sides[Kind.SUPPLIER]) >= 60
    finally:
        stop.set()
        writer.join()
    assert died >= KILLS // 2
    assert filled.count(Kind.SUPPLIER) == 60 + len(acknowledged)
    assert {r.outcome for r in last_runs(filled, KILLS)} >= {"died"}
    service = Service(settings)
    last = acknowledged[-1]
    found = service.match_text(f"brøyting og strøing nummer {last}", "nb", k=200)
    assert f"s{last}" in {m.record.id for m in found.matches}
    run = reindex(filled, settings.data_dir, encoder, encoder)
    assert run.counts["suppliers"]["records"] == 60 + len(acknowledged)
    # Nothing half-built is left, and no more than the serving generation and the one before.
    assert len(list(settings.generations_dir.iterdir())) == 3
    service.close()
