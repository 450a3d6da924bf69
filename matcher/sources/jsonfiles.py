"""JSON files: one value, one value a line, or a long array read as a stream."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import ijson

from matcher.sources.base import Refusal, find_files
from matcher.sources.documents import MAX_DOCUMENT, open_stream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson")
ITEM = "[]"
"""In a path, the members of an array."""
MAX_DEPTH = 100
_CONTROL = bytes(range(0x20))
_SPACES = bytes.maketrans(_CONTROL, b" " * len(_CONTROL))


@dataclass(frozen=True)
class Found:
    """One JSON value and where it stands."""

    file: str
    place: str
    value: Any


def parse_json(data: bytes) -> Any:
    """Parse JSON as feeds write it: with control characters inside strings, with a BOM.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return json.loads(data.decode("utf-8-sig", "replace"), strict=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_json(paths: list[Path], arrays: tuple[str, ...]) -> Iterator[Found | Refusal]:
    """Read the records of JSON files.

    Args:
        paths: Files, or folders of them.
        arrays: Names of the arrays that hold the records when the file is one object.

    Yields:
        Each record with its place. What breaks off gives what stands before it and a refusal.
    """
    for path in find_files(paths, SUFFIXES):
        try:
            with open_stream(path) as stream:
                yield from _read_stream(stream, path, arrays)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            yield Refusal(str(path), "", "", f"cannot be read: {error}")


def _read_stream(stream: IO[bytes], path: Path, arrays: tuple[str, ...]) -> Iterator[Any]:
    lines = {".jsonl", ".ndjson"} & {s.lower() for s in path.suffixes}
    if lines:
        yield from _read_lines(stream, str(path), arrays)
        return
    data = stream.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        yield from _salvage(io.BytesIO(data), stream, str(path), arrays)
        return
    if not data.strip(b"\xef\xbb\xbf \t\r\n\0"):
        yield Refusal(str(path), "", "", "the file is empty")
        return
    try:
        value = parse_json(data)
    except ValueError as error:
        if re.match(rb"\s*\{[^\n]*\}\s*\n\s*\{", data):
            yield from _read_lines(io.BytesIO(data), str(path), arrays)
            return
        count = 0
        for found in _salvage(io.BytesIO(data), None, str(path), arrays):
            count += 1
            yield found
        if count == 0:
            yield Refusal(str(path), "", "", f"not readable as JSON: {error}")
        return
    yield from unpack(value, str(path), arrays)


def unpack(value: Any, file: str, arrays: tuple[str, ...]) -> Iterator[Found]:
    """Yield the records of one value: its members, those of a named array, or itself."""
    if isinstance(value, list):
        members, name = value, "record"
    elif isinstance(value, dict) and (held := [a for a in arrays if a in value]):
        given = value[held[0]]
        members, name = given if isinstance(given, list) else [given], held[0]
    else:
        yield Found(file, "", value)
        return
    for number, member in enumerate(members, start=1):
        yield Found(file, f"{name} {number}", member)


def _read_lines(stream: IO[bytes], file: str, arrays: tuple[str, ...]) -> Iterator[Any]:
    read = 0
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        read += 1
        try:
            value = parse_json(line)
        except ValueError as error:
            held = {"value": line[:100_000].decode("utf-8", "replace")}
            yield Refusal(file, f"line {number}", "", f"not readable as JSON: {error}", held)
            continue
        for found in unpack(value, file, arrays):
            place = f"line {number}" if not found.place else f"line {number}, {found.place}"
            yield Found(file, place, found.value)
    if not read:
        yield Refusal(file, "", "", "the file is empty")


class _Joined(io.RawIOBase):
    """What was read already and the rest of its stream, control characters made spaces."""

    def __init__(self, *streams: IO[bytes] | None) -> None:
        self._streams = [s for s in streams if s is not None]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        while self._streams:
            if data := self._streams[0].read(len(view)):
                view[: len(data)] = data.translate(_SPACES)
                return len(data)
            self._streams.pop(0)
        return 0


def _salvage(
    head: IO[bytes], rest: IO[bytes] | None, file: str, arrays: tuple[str, ...]
) -> Iterator[Found | Refusal]:
    """Read a long or broken file as a stream: what stands before the break is used."""
    number = 0
    places = {(ITEM,), *((*name.split("."), ITEM) for name in arrays)}
    try:
        for value in stream_values(io.BufferedReader(_Joined(head, rest)), places):
            number += 1
            yield Found(file, f"record {number}", value)
    except (ijson.JSONError, ValueError, EOFError, OSError, zlib.error) as error:
        yield break_off(file, "record", number, error)


def break_off(file: str, name: str, number: int, error: Exception) -> Refusal:
    """The refusal of what stands in a file after its last readable record, if any."""
    # The parser draws a picture of the place below its message.
    reason = str(error).partition("\n")[0]
    where = f"after {name} {number}" if number else ""
    return Refusal(file, where, "", f"not readable as JSON: {reason}")


def stream_values(stream: Any, places: set[tuple[str, ...]]) -> Iterator[Any]:
    """Yield the values at some places of a JSON stream, building nothing else.

    Args:
        stream: Bytes; several values may stand behind each other.
        places: Paths of keys, with :data:`ITEM` for the members of an array: ``()`` is a whole
            value, ``("releases", ITEM)`` a member of that array.

    Raises:
        ValueError: The stream is no JSON, or nested too deeply. (The library's own search by
            path holds each event's whole path, gigabytes for a file of brackets.)
    """
    path: list[str] = []
    parts: list[Any] = []
    keys: list[str] = []
    for event, value in ijson.basic_parse(stream, use_float=True, multiple_values=True):
        if event == "map_key":
            (keys if parts else path)[-1] = value
        elif event in ("start_map", "start_array"):
            if len(path) + len(parts) >= MAX_DEPTH:
                raise ValueError(f"nested more than {MAX_DEPTH} deep")
            if parts or tuple(path) in places:
                made: Any = {} if event == "start_map" else []
                if parts:
                    _attach(parts[-1], keys[-1], made)
                parts.append(made)
                keys.append("")
            else:
                path.append(ITEM if event == "start_array" else "")
        elif event in ("end_map", "end_array"):
            if parts:
                keys.pop()
                whole = parts.pop()
                if not parts:
                    yield whole
            else:
                path.pop()
        elif parts:
            _attach(parts[-1], keys[-1], value)
        elif tuple(path) in places:
            yield value


def _attach(container: Any, key: str, value: Any) -> None:
    if isinstance(container, list):
        container.append(value)
    else:
        container[key] = value
