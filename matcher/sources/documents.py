"""Documents out of files and archives: plain, gzipped, zip and tar, with limits against bombs.

Notices come one to a file, but are kept and published in archives (TED's daily packages). A
document is a name and its bytes; nothing is unpacked onto the disk.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from matcher.sources.base import Refusal, find_files

MAX_DOCUMENT = 100_000_000
"""Bytes one document may have, unpacked."""
MAX_RATIO = 200
"""Times a compressed stream may grow once it has given :data:`FREE` bytes. Text grows 5 to 20
times, a bomb a thousand times."""
FREE = 10_000_000
_CHUNK = 1 << 18
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_BROKEN = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, ValueError,
           NotImplementedError, RuntimeError)  # fmt: skip


@dataclass(frozen=True)
class Document:
    """One document: where it stands (``packages/2020.zip!a/1.xml``) and what it holds."""

    name: str
    data: bytes


class BombError(ValueError):
    """A compressed stream or archive that grows beyond all reason."""


def documents(
    paths: list[Path], suffixes: tuple[str, ...], key: str
) -> Iterator[Document | Refusal]:
    """Yield the documents of files, folders and archives.

    Args:
        paths: Files, or folders of them.
        suffixes: How documents end; in a folder others are passed over.
        key: Field of a refused record (JSON Lines) that holds the document's text, so that the
            file of refused records can be mended and imported again.

    Yields:
        A document, or a refusal for what cannot be opened. An archive with no document of these
        suffixes is refused, so that nothing disappears in silence.
    """
    wanted = (*suffixes, *(f"{s}.gz" for s in suffixes), *_ARCHIVES, ".jsonl")
    for path in find_files(paths, wanted):
        name, lower = str(path), path.name.lower()
        try:
            if lower.endswith(".jsonl"):
                yield from _refused_lines(path, key)
            elif lower.endswith(_ARCHIVES):
                yield from _members(path, name, suffixes)
            else:
                yield Document(name, read_file(path))
        except _BROKEN as error:
            yield Refusal(name, "", "", f"cannot be opened: {error}")


def read_file(path: Path) -> bytes:
    """Read one file, gzipped or not, within the limits.

    Raises:
        BombError: It is larger than a document may be.
        OSError: It cannot be read.
    """
    with open_stream(path) as stream:
        return _bounded(stream)


def open_stream(path: Path) -> io.BufferedReader:
    """Open a file, gzipped or not, as a stream that stops when it turns out to be a bomb."""
    raw = path.open("rb")
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return io.BufferedReader(_GuardedStream(raw), _CHUNK) if zipped else raw


class _GuardedStream(io.RawIOBase):
    """Unpacks gzip and compares what came out with what went in."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._out = raw, 0
        self._unpacked = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._unpacked.read(min(len(view), _CHUNK))
        view[: len(data)] = data
        self._out += len(data)
        if self._out > FREE and self._out > MAX_RATIO * max(self._raw.tell(), 1):
            raise BombError(f"grows more than {MAX_RATIO} times when unpacked: taken for a bomb")
        return len(data)

    def close(self) -> None:
        self._unpacked.close()
        self._raw.close()
        super().close()


def _bounded(stream: IO[bytes]) -> bytes:
    data = stream.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise BombError(f"larger than the {MAX_DOCUMENT:,} bytes a document may have")
    return data


def check_zip(archive: zipfile.ZipFile) -> None:
    """Refuse a zip file (also XLSX and DOCX) whose directory announces a bomb.

    Raises:
        BombError: A member grows too much, or two members share the same bytes.
    """
    places: set[int] = set()
    for info in archive.infolist():
        if info.file_size > FREE and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise BombError(f"{info.filename} grows more than {MAX_RATIO} times: taken for a bomb")
        if info.header_offset in places:
            raise BombError(f"{info.filename} overlaps another member: taken for a bomb")
        places.add(info.header_offset)
    if sum(i.file_size for i in archive.infolist()) > 100 * MAX_DOCUMENT:
        raise BombError("the archive's members are too large together: taken for a bomb")


def _members(path: Path, name: str, suffixes: tuple[str, ...]) -> Iterator[Document | Refusal]:
    found = False
    for member, data in _zip(path) if path.suffix.lower() == ".zip" else _tar(path):
        where = f"{name}!{member}"
        if not member.lower().endswith((*suffixes, *(f"{s}.gz" for s in suffixes))):
            if member.lower().endswith((*_ARCHIVES, ".gz")):
                found = True
                yield Refusal(where, "", "", "an archive inside an archive: unpack it first")
            continue
        found = True
        try:
            plain = data()
            if plain[:2] == b"\x1f\x8b":
                plain = _bounded(io.BufferedReader(_GuardedStream(io.BytesIO(plain)), _CHUNK))
            yield Document(where, plain)
        except _BROKEN as error:
            yield Refusal(where, "", "", f"cannot be unpacked: {error}")
    if not found:
        yield Refusal(name, "", "", f"the archive holds no {' or '.join(suffixes)} file")


def _zip(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    with zipfile.ZipFile(path) as archive:
        check_zip(archive)
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, partial(_read_member, archive.open, info)


def _tar(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    # Streaming mode: a member is read when it comes by, so that a bomb stops the stream.
    with open_stream(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            if info.isfile():
                yield (
                    str(PurePosixPath(info.name)),
                    partial(_read_member, archive.extractfile, info),
                )


def _read_member(opener: Callable[[Any], IO[bytes] | None], info: Any) -> bytes:
    stream = opener(info)
    if stream is None:
        raise OSError("it is no plain file")
    with stream:
        return _bounded(stream)


def _refused_lines(path: Path, key: str) -> Iterator[Document | Refusal]:
    """Documents out of a file of refused records that was mended."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                held = json.loads(line)
                if isinstance(held, dict) and isinstance(held.get(key), str):
                    yield Document(where, held[key].encode())
                elif isinstance(held, dict) and isinstance(held.get(f"{key}_base64"), str):
                    yield Document(where, base64.b64decode(held[f"{key}_base64"]))
                else:
                    yield Refusal(where, "", key, f"no document in the field {key!r}")
            except ValueError as error:
                yield Refusal(where, "", "", f"not readable as JSON: {error}")


def content_of(document: Document, key: str) -> dict[str, str]:
    """Return a document as the content of a refusal, so that it can be mended."""
    if len(document.data) > 5_000_000:
        return {}
    try:
        return {key: document.data.decode("utf-8-sig")}
    except UnicodeDecodeError:
        return {f"{key}_base64": base64.b64encode(document.data).decode()}
