"""Generations: an index of both sides in a folder, built beside the serving one, then swapped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from matcher.embed import Encoder, StaticEncoder
from matcher.errors import NoGenerationError, StaleIndexError
from matcher.index.side import Side, build_side
from matcher.records import Kind, Record
from matcher.text import VERSION as TEXT_VERSION
from matcher.text import TermMaker

FORMAT = 1
_CURRENT = "CURRENT"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a generation is made of.

    Attributes:
        name: Of the generation and its folder.
        format: Of the files.
        text_version: Of the text pipeline that made the passages and terms.
        encoder: Name of the encoder of passages; ``encoder_fingerprint`` its fingerprint.
        word_fingerprint: Fingerprint of the encoder of terms.
        sequence: The last change of the store that it has seen.
        created: When it was made, ISO 8601.
        counts: Side -> what -> how many.
        files: Path in the folder -> sha256.
    """

    name: str
    format: int
    text_version: int
    encoder: str
    encoder_fingerprint: str
    word_fingerprint: str
    sequence: int
    created: str
    counts: dict[str, dict[str, int]]
    files: dict[str, str]


@dataclass(frozen=True)
class Generation:
    """An opened generation."""

    manifest: Manifest
    sides: dict[Kind, Side]

    @property
    def name(self) -> str:
        """The generation's name."""
        return self.manifest.name

    @classmethod
    def open(cls, folder: Path) -> Generation:
        """Open a generation by memory map.

        Raises:
            NoGenerationError: There is none in that folder, or it has another format.
        """
        try:
            manifest = Manifest(**json.loads((folder / _MANIFEST).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise NoGenerationError(
                f"{folder} holds no generation this version can read ({error}): "
                "run `samspill reindex`"
            ) from error
        return cls(manifest, {kind: Side.open(folder / f"{kind}s") for kind in Kind})

    def check(self, encoder: Encoder, word_encoder: StaticEncoder) -> None:
        """Make sure that this encoder and text pipeline made the index.

        Raises:
            StaleIndexError: Another one did.
        """
        m = self.manifest
        found = (m.encoder_fingerprint, m.word_fingerprint, m.text_version, m.format)
        wanted = (encoder.fingerprint, word_encoder.fingerprint, TEXT_VERSION, FORMAT)
        if found != wanted:
            raise StaleIndexError(
                f"generation {m.name} was made by encoder {m.encoder} "
                f"({m.encoder_fingerprint}, text pipeline {m.text_version}); this service runs "
                f"{encoder.name} ({encoder.fingerprint}, text pipeline {TEXT_VERSION}): "
                "run `samspill reindex --full`"
            )


def build_generation(
    root: Path,
    records: Callable[[Kind], Iterable[Record]],
    sequence: int,
    encoder: Encoder,
    word_encoder: StaticEncoder,
    term_maker: TermMaker,
) -> Path:
    """Build a generation beside the serving one, complete and synced but not published.

    Args:
        root: Folder of all generations.
        records: Gives the records of a kind, in order of their ids.
        sequence: The last change among them.
        encoder: Of passages.
        word_encoder: Of terms.
        term_maker: Makes terms.

    Returns:
        Its folder. Whatever goes wrong, a half-built folder is removed.
    """
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    folder = root / name
    building = root / f"{name}.building"
    building.mkdir(parents=True)
    try:
        counts = {
            f"{kind}s": build_side(
                building / f"{kind}s", records(kind), encoder, word_encoder, term_maker
            )
            for kind in Kind
        }
        files = sorted(p for p in building.rglob("*") if p.is_file())
        manifest = Manifest(
            name=name,
            format=FORMAT,
            text_version=TEXT_VERSION,
            encoder=encoder.name,
            encoder_fingerprint=encoder.fingerprint,
            word_fingerprint=word_encoder.fingerprint,
            sequence=sequence,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            counts=counts,
            files={p.relative_to(building).as_posix(): _sha256(p) for p in files},
        )
        text = json.dumps(asdict(manifest), indent=1)
        (building / _MANIFEST).write_text(text, encoding="utf-8")
        for path in (*files, building / _MANIFEST, *(p for p in building.rglob("*") if p.is_dir())):
            _sync(path)
        _sync(building)
        building.rename(folder)
        _sync(root)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return folder


def publish(root: Path, name: str) -> None:
    """Make a generation the serving one, in one step that either happens or does not."""
    temporary = root / f"{_CURRENT}.new"
    temporary.write_text(name, encoding="utf-8")
    _sync(temporary)
    temporary.replace(root / _CURRENT)
    _sync(root)


def current_name(root: Path) -> str | None:
    """Return the name of the serving generation, None if there is none."""
    try:
        return (root / _CURRENT).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def open_current(root: Path) -> Generation:
    """Open the serving generation.

    Raises:
        NoGenerationError: Nothing is indexed yet.
    """
    name = current_name(root)
    if name is None:
        raise NoGenerationError("nothing is indexed yet: run `samspill reindex`")
    return Generation.open(root / name)


def prune(root: Path, keep: int = 2) -> list[str]:
    """Delete all but the serving generation and the newest others; return what was deleted.

    Pinned ones stay: somebody relies on being able to ask them again.
    """
    serving = current_name(root)
    names = sorted(p.name for p in root.iterdir() if (p / _MANIFEST).exists())
    others = [n for n in names if n != serving and not _pins(root, n).exists()]
    old = others[: max(0, len(others) - (keep - 1))]
    for name in old:
        shutil.rmtree(root / name, ignore_errors=True)
    return old


def pin(root: Path, name: str, holder: str) -> None:
    """Keep a generation for a holder, until :func:`release` lets it go."""
    with _pins(root, name).open("a+", encoding="utf-8") as pins:
        pins.seek(0)
        if holder not in pins.read().splitlines():
            pins.write(f"{holder}\n")


def release(root: Path, done: Callable[[str], bool]) -> list[str]:
    """Let go of the generations whose holders are all done; return their names."""
    released = []
    for pins in sorted(root.glob("*.pins")):
        if all(done(holder) for holder in pins.read_text(encoding="utf-8").splitlines()):
            pins.unlink()
            released.append(pins.stem)
    return released


def _pins(root: Path, name: str) -> Path:
    return root / f"{name}.pins"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
