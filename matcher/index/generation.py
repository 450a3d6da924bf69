"""Generations: an index of both sides in a folder, built beside the serving one, then swapped.

``CURRENT`` names the serving one. A folder whose name ends in ``.building`` is not finished; all
others are whole and checked. Names begin with a number that only grows, so their order does not
depend on a clock.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.embed import Encoder, StaticEncoder
from matcher.errors import (
    BuildError,
    DamagedIndexError,
    NoGenerationError,
    NotFoundError,
    StaleIndexError,
)
from matcher.index.assemble import assemble
from matcher.index.base import Side
from matcher.index.files import digests, put_in_place, sync_tree, write_whole
from matcher.index.manifest import (
    BUILDING,
    FORMAT,
    Manifest,
    is_whole,
    read_manifest,
    verify,
    write_manifest,
)
from matcher.index.part import Part
from matcher.index.shards import prepare_shards
from matcher.index.side import StoredSide
from matcher.records import Kind, Record
from matcher.text import VERSION as TEXT_VERSION
from matcher.text import TermMaker

LEAST_RECALL = 0.9
"""Recall@10 of the dense search below which a generation is not published."""
VERIFIED_FIRST = 128 << 20
"""Bytes of a generation that a start verifies before it serves; a larger one is verified after."""
_CURRENT = "CURRENT"


@dataclass(frozen=True)
class Generation:
    """An opened generation."""

    manifest: Manifest
    folder: Path
    sides: dict[Kind, Side]

    @property
    def name(self) -> str:
        """The generation's name."""
        return self.manifest.name

    @classmethod
    def open(cls, folder: Path) -> Generation:
        """Open a generation by memory map, without looking into its files.

        Raises:
            NoGenerationError: There is none in that folder, or it has another format.
            DamagedIndexError: Its manifest is not as it was written, or a file is missing.
        """
        manifest = read_manifest(folder)
        try:
            sides: dict[Kind, Side] = {k: StoredSide.open(folder / f"{k}s") for k in Kind}
        except (OSError, ValueError, RuntimeError) as error:
            raise DamagedIndexError(f"{folder} cannot be opened: {error}") from error
        return cls(manifest, folder, sides)

    def check(self, encoder: Encoder, word_encoder: StaticEncoder) -> None:
        """Make sure that this encoder and text pipeline made the index.

        Raises:
            StaleIndexError: Another one did.
        """
        if not made_by(self.manifest, encoder, word_encoder):
            m = self.manifest
            raise StaleIndexError(
                f"generation {m.name} was made by encoder {m.encoder} "
                f"({m.encoder_fingerprint}, text pipeline {m.text_version}); this service runs "
                f"{encoder.name} ({encoder.fingerprint}, text pipeline {TEXT_VERSION}): "
                "run `samspill reindex --full`"
            )


def made_by(manifest: Manifest, encoder: Encoder, word_encoder: StaticEncoder) -> bool:
    """Tell whether this encoder and text pipeline made a generation."""
    m = manifest
    found = (m.encoder_fingerprint, m.word_fingerprint, m.text_version, m.format)
    return found == (encoder.fingerprint, word_encoder.fingerprint, TEXT_VERSION, FORMAT)


# -- building


@dataclass(frozen=True)
class SideInput:
    """What a side is assembled from (see :func:`matcher.index.assemble.assemble`)."""

    parts: Sequence[Part]
    earlier: Path | None = None
    keep: NDArray[np.bool_] | None = None


def build(
    root: Path,
    inputs: Callable[[Kind, Path], SideInput],
    sequence: int,
    encoder: Encoder,
    word_encoder: StaticEncoder,
    updated: int = 0,
    expected: Callable[[Kind], int] | None = None,
) -> Path:
    """Build a generation beside the serving one: whole, checked and synced, not published.

    Args:
        root: Folder of all generations.
        inputs: Gives what a side is made from; may use the folder it is handed.
        sequence: The last change among the records.
        encoder: Of passages.
        word_encoder: Of terms.
        updated: For the manifest.
        expected: Number of records a side must have.

    Returns:
        Its folder. Whatever goes wrong, a half-built folder is removed.

    Raises:
        BuildError: It did not pass its checks.
    """
    root.mkdir(parents=True, exist_ok=True)
    name = _next_name(root)
    building = root / f"{name}{BUILDING}"
    building.mkdir()
    try:
        counts, recall = {}, {}
        probes = None
        for kind in Kind:
            shards = building / "shards"
            given = inputs(kind, shards)
            side = f"{kind}s"
            built = assemble(
                building / side, given.parts, word_encoder, probes, given.earlier, given.keep
            )
            counts[side], recall[side], probes = built.counts, built.recall, built.probes
            shutil.rmtree(shards, ignore_errors=True)
            if expected is not None and counts[side]["records"] != expected(kind):
                raise BuildError(
                    f"the new index holds {counts[side]['records']} {side}, the store "
                    f"{expected(kind)}: nothing was published"
                )
            if recall[side] < LEAST_RECALL:
                raise BuildError(
                    f"the new index finds {recall[side]:.0%} of the nearest {side}, "
                    f"less than {LEAST_RECALL:.0%}: nothing was published"
                )
        files = [p.relative_to(building).as_posix() for p in building.rglob("*") if p.is_file()]
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
            recall=recall,
            updated=updated,
            files=digests(building, sorted(files)),
        )
        write_manifest(building, manifest)
        sync_tree(building)
        verify(building)
        put_in_place(building, root / name)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return root / name


def build_generation(
    root: Path,
    records: Callable[[Kind], Iterable[Record]],
    sequence: int,
    encoder: Encoder,
    word_encoder: StaticEncoder,
    term_maker: TermMaker,
) -> Path:
    """Build a generation of records at hand, in this process (see :func:`build`)."""

    def inputs(kind: Kind, shards: Path) -> SideInput:
        found = list(records(kind))
        return SideInput(
            prepare_shards(found, len(found), _as_they_are, shards, encoder, lambda: term_maker)
        )

    return build(root, inputs, sequence, encoder, word_encoder)


def _as_they_are(records: Sequence[Record]) -> Sequence[Record]:
    return records


def _next_name(root: Path) -> str:
    numbers = [int(p.name.split("-")[0]) for p in root.iterdir() if _is_generation(p)]
    return f"{max(numbers, default=0) + 1:06}-{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _is_generation(path: Path) -> bool:
    return path.is_dir() and path.name.split("-")[0].isdecimal()


# -- publishing, going back, pruning


def publish(root: Path, name: str) -> None:
    """Make a generation the serving one, in one step that either happens or does not."""
    write_whole(root / _CURRENT, name)


def current_name(root: Path) -> str | None:
    """Return the name of the serving generation, None if there is none."""
    try:
        text = (root / _CURRENT).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    return text.strip() or None


def generation_names(root: Path) -> list[str]:
    """Return the names of all whole generations, the newest first."""
    if not root.is_dir():
        return []
    found = [p.name for p in root.iterdir() if _is_generation(p) and is_whole(p)]
    return sorted(found, key=lambda n: int(n.split("-")[0]), reverse=True)


def open_current(root: Path) -> Generation:
    """Open the serving generation without looking into its files.

    Raises:
        NoGenerationError: Nothing is indexed yet.
    """
    name = current_name(root)
    if name is None:
        raise NoGenerationError("nothing is indexed yet: run `samspill reindex`")
    return Generation.open(root / name)


def open_quickly(root: Path) -> tuple[Generation, str, bool]:
    """Open the serving generation for a start that does not wait.

    A large one is opened when its manifest is as written and its files have their shapes; what
    they hold is left to be verified beside the answers.

    Returns:
        As :func:`open_verified`, and whether every byte was verified.

    Raises:
        NoGenerationError: Nothing is indexed yet, or nothing that could be served.
    """
    serving = current_name(root)
    if serving is not None and _size(root / serving) > VERIFIED_FIRST:
        try:
            return Generation.open(root / serving), "", False
        except (DamagedIndexError, NoGenerationError):
            pass
    return *open_verified(root), True


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def open_verified(root: Path) -> tuple[Generation, str]:
    """Open the serving generation if every byte is as written, else the newest that is.

    Returns:
        The generation, and what is wrong with the serving one; empty if nothing is.

    Raises:
        NoGenerationError: Nothing is indexed yet, or nothing that could be served.
    """
    serving = current_name(root)
    if serving is None:
        raise NoGenerationError("nothing is indexed yet: run `samspill reindex`")
    others = [n for n in generation_names(root) if n != serving]
    problem = ""
    for name in (serving, *others):
        try:
            verify(root / name)
            return Generation.open(root / name), problem
        except (DamagedIndexError, NoGenerationError) as error:
            problem = problem or str(error)
    raise NoGenerationError(f"{problem}; no other generation is left: run `samspill reindex`")


def roll_back(root: Path) -> str:
    """Make the newest generation before the serving one the serving one; return its name.

    Raises:
        NotFoundError: There is none.
        DamagedIndexError: It is not as it was written.
    """
    serving = current_name(root)
    names = generation_names(root)
    before = names[names.index(serving) + 1 :] if serving in names else names
    if not before:
        raise NotFoundError(f"there is no generation before {serving or 'the first'}")
    verify(root / before[0])
    publish(root, before[0])
    return before[0]


def prune(root: Path, keep: int = 2) -> list[str]:
    """Delete what a killed job left, and all but the serving and the newest other generations.

    Returns:
        Names of the generations deleted. Pinned ones stay: somebody relies on asking them.
    """
    for left in (p for p in root.iterdir() if p.name.endswith((BUILDING, ".deleted"))):
        shutil.rmtree(left, ignore_errors=True)
    serving = current_name(root)
    others = [n for n in generation_names(root) if n != serving and not _pins(root, n).exists()]
    old = others[keep - 1 :]
    for name in old:
        # Renamed first: a generation is whole or not there, also while it is being deleted.
        gone = root / f"{name}.deleted"
        (root / name).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
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
