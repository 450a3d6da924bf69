"""Backup while serving, and restore on a bare machine.

A backup is a folder: the store, copied by SQLite's online backup or PostgreSQL's ``pg_dump``, the
serving generation, and a manifest with a digest of every file. It is made beside the others and
renamed when it is whole.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

import matcher
from matcher.errors import BackupError
from matcher.index import current_name, publish
from matcher.index.files import digests, put_in_place, sync, sync_tree
from matcher.settings import Settings
from matcher.store.dump import dump, holds_store, load

_PREFIX = "backup-"
_BUILDING = ".building"
_MANIFEST = "backup.json"
_STORE = "samspill.sqlite"
_DUMP = "samspill.dump"
_GENERATIONS = "generations"


def back_up(settings: Settings, folder: Path, keep: int = 0) -> Path:
    """Copy the store and the serving generation; writes and questions go on meanwhile.

    Run it while holding the job's lock, so that no generation is pruned meanwhile.

    Args:
        settings: Say where store and generations are.
        folder: Takes the backup as a folder of its own, named by the time.
        keep: Number of backups kept in the folder, the newest; 0 keeps all.

    Returns:
        The backup's folder.

    Raises:
        BackupError: There is no store, or the backup cannot be written.
    """
    source = None if _on_server(settings) else _store_file(settings)
    name = f"{_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    building = folder / f"{name}{_BUILDING}"
    try:
        building.mkdir(parents=True)
        # The generation first: the store may be newer than it, never older.
        generation = current_name(settings.generations_dir)
        if generation is not None:
            copied = building / _GENERATIONS / generation
            shutil.copytree(settings.generations_dir / generation, copied)
        if source is None:
            dump(settings.store_url, building / _DUMP)
        else:
            _copy_store(source, building / _STORE)
        _write_manifest(building, generation)
        sync_tree(building)
        put_in_place(building, folder / name)
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        raise BackupError(f"the backup cannot be written: {error}") from error
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    if keep:
        for old in backups(folder)[keep:]:
            shutil.rmtree(old, ignore_errors=True)
    return folder / name


def backups(folder: Path) -> list[Path]:
    """Return the whole backups of a folder, the newest first."""
    if not folder.is_dir():
        return []
    found = [p for p in folder.glob(f"{_PREFIX}*") if (p / _MANIFEST).is_file()]
    return sorted((p for p in found if not p.name.endswith(_BUILDING)), reverse=True)


def restore(settings: Settings, backup: Path, force: bool = False) -> str | None:
    """Put a backup in place of the store and the generations.

    Stop the service first: it holds the store open.

    Args:
        settings: Say where store and generations go.
        backup: A folder that :func:`back_up` made, or one of several such: the newest is taken.
        force: Replace a store that is there; it is kept beside, its name ending in ``.replaced``
            (in the data folder, if it is in PostgreSQL).

    Returns:
        Name of the generation restored, if the backup holds one.

    Raises:
        BackupError: The backup is damaged, or there is a store already.
    """
    chosen = backup if (backup / _MANIFEST).is_file() else next(iter(backups(backup)), None)
    if chosen is None:
        raise BackupError(f"{backup} holds no backup")
    generation = _verify(chosen)
    on_server = _on_server(settings)
    source = chosen / (_DUMP if on_server else _STORE)
    if not source.exists():
        raise BackupError(
            f"{chosen} holds no {source.name}: it is of a store in the other database; "
            "set SAMSPILL_DATABASE_URL as it was when the backup was made"
        )
    url = make_url(settings.store_url)
    target = _store_file(settings, must_exist=False)
    there = holds_store(settings.store_url) if on_server else target.exists()
    if there and not force:
        what = f"a store at {url.render_as_string()}" if on_server else target
        raise BackupError(
            f"{what} is there already: stop the service and give `--force` to replace it"
        )
    try:
        if generation is not None:
            _restore_generation(settings.generations_dir, chosen, generation)
        if on_server:
            _put_dump(settings, source, there)
        else:
            _put_file(source, target)
        if generation is not None:
            publish(settings.generations_dir, generation)
    except OSError as error:
        raise BackupError(f"the backup cannot be restored: {error}") from error
    return generation


def _put_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    arriving = target.with_name(target.name + ".restoring")
    shutil.copyfile(source, arriving)
    if target.exists():
        target.replace(target.with_name(target.name + ".replaced"))
    for left in ("-wal", "-shm"):
        target.with_name(target.name + left).unlink(missing_ok=True)
    sync(arriving)
    put_in_place(arriving, target)


def _put_dump(settings: Settings, source: Path, there: bool) -> None:
    if there:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        dump(settings.store_url, settings.data_dir / f"{_DUMP}.replaced")
    load(settings.store_url, source)


def _restore_generation(root: Path, backup: Path, name: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    building = root / f"{name}{_BUILDING}"
    shutil.rmtree(building, ignore_errors=True)
    shutil.copytree(backup / _GENERATIONS / name, building)
    sync_tree(building)
    # Generations of another time do not belong to the restored store.
    for other in [p for p in root.iterdir() if p.is_dir() and p != building]:
        shutil.rmtree(other, ignore_errors=True)
    put_in_place(building, root / name)


def _copy_store(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as store, closing(sqlite3.connect(target)) as copy:
        store.backup(copy, pages=4096, sleep=0)
        # One file, whole by itself.
        copy.execute("PRAGMA journal_mode=DELETE")
        broken = copy.execute("PRAGMA quick_check").fetchone()[0]
    if broken != "ok":
        raise BackupError(f"the copy of {source} is not sound: {broken}")


def _write_manifest(folder: Path, generation: str | None) -> None:
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    values = {
        "version": matcher.__version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "generation": generation,
        "files": digests(folder, sorted(files)),
    }
    (folder / _MANIFEST).write_text(json.dumps(values, indent=1), encoding="utf-8")


def _verify(folder: Path) -> str | None:
    """Compare every file with its digest; return the generation's name."""
    try:
        values = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        expected: dict[str, str] = values["files"]
        found = digests(folder, sorted(expected))
        generation: str | None = values["generation"]
    except (OSError, ValueError, KeyError) as error:
        raise BackupError(f"{folder} is no whole backup: {error}") from error
    wrong = sorted(name for name, value in expected.items() if found[name] != value)
    if wrong:
        raise BackupError(f"{folder / wrong[0]} is not as it was written: take another backup")
    return generation


def _on_server(settings: Settings) -> bool:
    return make_url(settings.store_url).get_backend_name() == "postgresql"


def _store_file(settings: Settings, must_exist: bool = True) -> Path:
    path = Path(make_url(settings.store_url).database or ":memory:")
    if must_exist and not path.exists():
        raise BackupError(f"no store at {path}: run `samspill init`")
    return path
