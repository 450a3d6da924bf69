"""What must be on the disk is on the disk before anything refers to it."""

import os
from pathlib import Path

import pytest

from matcher.embed import StaticEncoder
from matcher.index import build_generation, publish
from matcher.records import Kind
from matcher.text import TermMaker
from tests.reliability.conftest import supplier


def test_everything_is_synced_before_it_is_named(
    tmp_path: Path, encoder: StaticEncoder, term_maker: TermMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        done.append(("sync", str(path.relative_to(tmp_path)) if path != tmp_path else "."))
        fsync(handle)

    def recorded_replace(path: Path, target: Path) -> Path:
        done.append(("rename", f"{path.name} {target.name}"))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    records = [supplier(n) for n in range(3)]
    folder = build_generation(
        tmp_path,
        lambda kind: list(records) if kind is Kind.SUPPLIER else [],
        1,
        encoder,
        encoder,
        term_maker,
    )
    publish(tmp_path, folder.name)
    name = folder.name
    building = f"{name}.building"
    first = done.index(("rename", f"{building} {name}"))
    synced = [what for step, what in done[:first] if step == "sync"]
    inside = [p.relative_to(folder).as_posix() for p in folder.rglob("*")]
    assert set(synced) == {building, *(f"{building}/{p}" for p in inside)}
    # A folder after what stands in it, the outermost last.
    assert synced[-1] == building
    assert synced.index(f"{building}/suppliers") > synced.index(f"{building}/suppliers/ids.npy")
    assert done[first + 1 :] == [
        ("sync", "."),
        ("sync", "CURRENT.new"),
        ("rename", "CURRENT.new CURRENT"),
        ("sync", "."),
    ]
