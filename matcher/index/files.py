"""Files that are whole or not there: sync, rename, digest.

A rename is atomic, but only what was synced before it survives a power cut: first the files, then
the folders that name them, then the rename, then the folder it happened in.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def sync(path: Path) -> None:
    """Force a file's bytes, or a folder's entries, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Sync every file below a folder, then the folders, innermost first, then itself."""
    entries = sorted(folder.rglob("*"))
    for path in (p for p in entries if p.is_file()):
        sync(path)
    for path in (p for p in reversed(entries) if p.is_dir()):
        sync(path)
    sync(folder)


def put_in_place(built: Path, final: Path) -> None:
    """Rename what was built and synced to its final name, and make the rename last."""
    built.replace(final)
    sync(final.parent)


def write_whole(path: Path, text: str) -> None:
    """Replace a small file by new content, in one step that happens or does not."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    sync(temporary)
    put_in_place(temporary, path)


def digest(path: Path) -> str:
    """Return a file's sha256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests(folder: Path, names: list[str]) -> dict[str, str]:
    """Return the sha256 of several files of a folder, worked out by several threads."""
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        return dict(zip(names, pool.map(lambda n: digest(folder / n), names), strict=True))
