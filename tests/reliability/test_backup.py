"""A backup taken while serving, restored on a bare machine, answers the same."""

import threading
from pathlib import Path

import pytest

from matcher.backup import back_up, backups, restore
from matcher.embed import StaticEncoder
from matcher.errors import BackupError
from matcher.records import Kind
from matcher.reindex import reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store
from tests.reliability.conftest import supplier

QUESTION = "Vi trenger brøyting og strøing, helst nummer 3"


def answers(settings: Settings) -> list[tuple[str, float]]:
    service = Service(settings)
    found = service.match_text(QUESTION, "nb", k=100)
    service.close()
    return [(m.record.id, round(m.hit.score, 5)) for m in found.matches]


def test_a_restored_backup_answers_the_same(
    settings: Settings, filled: Store, encoder: StaticEncoder, tmp_path: Path
) -> None:
    reindex(filled, settings.data_dir, encoder, encoder)
    filled.save([supplier(n) for n in range(10, 20)])
    filled.delete(Kind.SUPPLIER, "s1")
    expected = answers(settings)
    made = back_up(settings, tmp_path / "backups")
    bare = Settings(data_dir=tmp_path / "bare", _env_file=None)
    restore(bare, tmp_path / "backups")
    assert answers(bare) == expected
    with pytest.raises(BackupError, match="--force"):
        restore(bare, made)
    assert restore(bare, made, force=True)
    assert answers(bare) == expected
    assert (bare.data_dir / "samspill.sqlite.replaced").exists()


def test_a_backup_under_writes_is_whole(
    settings: Settings, filled: Store, encoder: StaticEncoder, tmp_path: Path
) -> None:
    reindex(filled, settings.data_dir, encoder, encoder)
    stop = threading.Event()

    def write() -> None:
        store = Store.open(settings.store_url)
        number = 100
        while not stop.is_set():
            # Two at a time in one transaction: a copy holds both or none.
            store.save([supplier(number), supplier(number + 1)])
            number += 2
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            back_up(settings, tmp_path / "backups", keep=2)
    finally:
        stop.set()
        writer.join()
    assert len(backups(tmp_path / "backups")) == 2
    for number, made in enumerate(backups(tmp_path / "backups")):
        bare = Settings(data_dir=tmp_path / f"bare{number}", _env_file=None)
        restore(bare, made)
        store = Store.open(bare.store_url)
        assert (store.count(Kind.SUPPLIER) - 5) % 2 == 0
        assert answers(bare)
        store.close()


@pytest.mark.parametrize("name", ["samspill.sqlite", "generations/*/suppliers/ids.npy"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    settings: Settings, filled: Store, encoder: StaticEncoder, tmp_path: Path, name: str
) -> None:
    reindex(filled, settings.data_dir, encoder, encoder)
    made = back_up(settings, tmp_path / "backups")
    (path,) = made.glob(name)
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    bare = Settings(data_dir=tmp_path / "bare", _env_file=None)
    with pytest.raises(BackupError, match="not as it was written"):
        restore(bare, made)
    assert not bare.data_dir.exists()


def test_what_cannot_be_backed_up_is_said(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="samspill init"):
        back_up(settings, tmp_path / "backups")
    elsewhere = Settings(database_url="postgresql+psycopg://db/samspill", _env_file=None)
    with pytest.raises(BackupError, match="pg_dump"):
        back_up(elsewhere, tmp_path / "backups")
    with pytest.raises(BackupError, match="holds no backup"):
        restore(settings, tmp_path)
