"""What the store promises, on a PostgreSQL server that several hosts share."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from matcher.backup import back_up, restore
from matcher.embed import StaticEncoder
from matcher.errors import BackupError, LockedError, SettingsError, UnavailableError
from matcher.records import Kind, Supplier, Text
from matcher.reindex import lock, reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.sources.intake import take_in
from matcher.store import Store, schema
from matcher.store.engine import make_engine
from matcher.store.runs import DONE, RunLog, last_runs
from tests.postgres import Server
from tests.reliability.conftest import LONG, supplier

ROUNDS = 1000 if LONG else 60


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    found = postgres.store()
    yield found
    postgres.drop(found)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    found = Store.open(url)
    yield found
    found.close()


def test_numbers_become_visible_in_their_order_and_without_gaps(url: str, store: Store) -> None:
    stop = threading.Event()
    seen: set[str] = set()
    upto = 0

    def write(place: int) -> None:
        own = Store.open(url)
        for n in range(ROUNDS):
            own.save([supplier(place * ROUNDS + n)])
        own.close()

    def follow() -> None:
        # As a service does: whatever has a number up to the last one is there already.
        nonlocal upto
        while True:
            last = stop.is_set()
            with store.snapshot() as now:
                found = list(now.changed_ids(Kind.SUPPLIER, upto))
                assert len(found) == now.sequence - upto
                assert not seen & set(found)
                seen.update(found)
                upto = now.sequence
            if last:
                return

    with ThreadPoolExecutor() as pool:
        following = pool.submit(follow)
        try:
            list(pool.map(write, range(4)))
        finally:
            stop.set()
        following.result()
    assert len(seen) == 4 * ROUNDS == upto


def test_readers_see_one_state(store: Store) -> None:
    store.save([supplier(n) for n in range(5)])
    with store.snapshot() as now, store.reading() as connection:
        table = schema.supplier
        connection.execute(select(table.c.id)).all()
        store.save([supplier(n, "mer") for n in range(10)])
        assert now.count(Kind.SUPPLIER) == 5
        assert len(list(now.rows(Kind.SUPPLIER))) == 5
        assert len(connection.execute(select(table.c.id)).all()) == 5
    assert store.count(Kind.SUPPLIER) == 10


def test_writers_that_have_looked_first_do_not_collide(store: Store) -> None:
    # More of them than connections; the one at work reads by a connection of its own.
    def write(_: int) -> None:
        with store.writing() as connection:
            found = connection.execute(select(schema.cpv_name.c.name)).all()
            assert store.count(Kind.SUPPLIER) == 0
            if not found:
                values = {"code": "1", "lang": "nb", "name": "x"}
                connection.execute(schema.cpv_name.insert().values(values))

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(write, range(80)))


def test_what_the_database_cannot_keep_is_refused_and_the_rest_goes_in(
    store: Store, tmp_path: Path
) -> None:
    texts = (Text(lang="nb", body="Vi brøyter"),)
    bad = [
        Supplier(id="nul", name="a\0b", texts=texts),
        Supplier(id="long", name="Lang AS", texts=texts, source_id="x" * 300),
    ]
    report = take_in(store, [supplier(1), *bad, supplier(2)], tmp_path / "refused")
    assert (report.new, len(report.refused)) == (2, 2)
    assert report.refused_file is not None
    written = report.refused_file.read_text()
    assert "NUL" in written
    assert "too long" in written
    assert {s.id for s in store.iterate(Kind.SUPPLIER)} == {"s1", "s2"}


def test_moments_are_in_utc_wherever_the_server_stands(store: Store) -> None:
    ended = RunLog(store, "reindex").end(DONE)
    for run in (ended, *last_runs(store)):
        assert abs(datetime.fromisoformat(run.started) - datetime.now(UTC)) < timedelta(minutes=5)


_HOLDER = """
import sys, time
from pathlib import Path
from matcher.reindex import lock
from matcher.store import Store
with lock(Path(sys.argv[2]) / "reindex.lock", Store.open(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_job_on_another_host_is_kept_out_until_the_first_is_gone(
    url: str, store: Store, tmp_path: Path
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, url, str(tmp_path / "other")],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(LockedError, match=f"process {other.pid} on"),
            lock(tmp_path / "reindex.lock", store),
        ):
            pass
        with lock(tmp_path / "nightly.lock", store):
            pass
        other.kill()
    for _ in range(100):
        try:
            with lock(tmp_path / "reindex.lock", store) as make_sure:
                make_sure()
            break
        except LockedError:
            time.sleep(0.05)
    else:
        pytest.fail("the lock of a killed process is still held")


def test_a_job_that_lost_its_lock_publishes_nothing(
    store: Store, postgres: Server, settings: Settings, encoder: StaticEncoder
) -> None:
    store.save([supplier(n) for n in range(5)])

    def cut(*_: object) -> None:
        postgres.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'process % since %'"
        )

    with pytest.raises(LockedError, match="nothing was published"):
        reindex(store, settings.data_dir, encoder, encoder, cut)
    assert not (settings.generations_dir / "CURRENT").exists()
    assert last_runs(store)[0].outcome == "failed"
    # A server that closed connections is asked again.
    postgres.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
        store.engine.url.database,
    )
    assert reindex(store, settings.data_dir, encoder, encoder).outcome == DONE


def test_a_backup_is_restored_into_an_empty_database(
    url: str, store: Store, postgres: Server, settings: Settings, encoder: StaticEncoder,
    tmp_path: Path,
) -> None:  # fmt: skip
    settings = settings.model_copy(update={"database_url": url})
    store.save([supplier(n) for n in range(20)])
    reindex(store, settings.data_dir, encoder, encoder)
    store.delete(Kind.SUPPLIER, "s3")
    made = back_up(settings, tmp_path / "backups")
    store.save([supplier(30)])
    empty = postgres.empty()
    bare = Settings(data_dir=tmp_path / "bare", database_url=empty, _env_file=None)
    assert restore(bare, made)
    service = Service(bare)
    found = service.match_text("Vi trenger brøyting og strøing", "nb", k=100)
    assert {m.record.id for m in found.matches} == {f"s{n}" for n in range(20)} - {"s3"}
    # It goes on from where it was: numbers of rows and of changes.
    service.store.save([supplier(40)])
    RunLog(service.store, "backup").end(DONE)
    service.close()
    with pytest.raises(BackupError, match="--force"):
        restore(bare, made)
    assert restore(bare, made, force=True)
    assert (bare.data_dir / "samspill.dump.replaced").exists()
    again = Store.open(empty)
    assert again.count(Kind.SUPPLIER) == 19
    with again.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM job_run")).scalar_one() == 1
    again.close()
    postgres.drop(empty)
    with pytest.raises(BackupError, match="SAMSPILL_DATABASE_URL"):
        restore(Settings(data_dir=tmp_path / "sqlite", _env_file=None), made)


def test_without_the_tools_a_backup_says_what_to_install(
    url: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="postgresql-client"):
        back_up(settings.model_copy(update={"database_url": url}), tmp_path / "backups")
    assert not list((tmp_path / "backups").iterdir())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("postgresql+psycopg://a@/b?pool_size=many", "pool_size=many"),
        ("oracle://a/b", "not supported"),
        ("nonsense", "SAMSPILL_DATABASE_URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_named(wrong: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        make_engine(wrong)


def test_a_server_that_is_not_there_is_said_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="PostgreSQL cannot be asked") as raised:
        Store.open(f"postgresql+psycopg://me:secret@/x?host={tmp_path}&pool_size=3")
    assert "secret" not in str(raised.value)


def test_the_service_answers_as_on_sqlite(
    demo_settings: Settings, service: Service, demo_copy: str
) -> None:
    other = Service(demo_settings.model_copy(update={"database_url": demo_copy}))
    for need in list(service.store.iterate(Kind.NEED))[:5]:
        on_both = [
            [(m.record, round(m.hit.score, 5)) for m in s.match(need, Kind.NEED, k=20).matches]
            for s in (service, other)
        ]
        assert on_both[0] == on_both[1]
    other.close()
