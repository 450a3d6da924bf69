"""What a generation is made of, and whether it still is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from matcher.errors import DamagedIndexError, NoGenerationError
from matcher.index.files import digest, digests

FORMAT = 2
_NAME = "manifest.json"
_SEAL = "manifest.sha256"


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
        recall: Side -> recall@10 of its dense search against exact search.
        updated: Records taken in since everything was last built anew; 0 after a full build.
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
    recall: dict[str, float]
    updated: int
    files: dict[str, str] = field(repr=False)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest and its own digest."""
    text = json.dumps(asdict(manifest), indent=1)
    (folder / _NAME).write_text(text, encoding="utf-8")
    (folder / _SEAL).write_text(digest(folder / _NAME), encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a generation.

    Raises:
        NoGenerationError: There is none in that folder, or it has another format.
        DamagedIndexError: It is not as it was written.
    """
    try:
        text = (folder / _NAME).read_bytes()
        seal = (folder / _SEAL).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NoGenerationError(
            f"{folder} holds no generation this version can read ({error.strerror}): "
            "run `samspill reindex`"
        ) from error
    if seal != digest(folder / _NAME):
        raise DamagedIndexError(f"{folder / _NAME} is not as it was written")
    values = json.loads(text)
    if values.get("format") != FORMAT:
        raise NoGenerationError(
            f"{folder} has format {values.get('format')}, this version reads {FORMAT}: "
            "run `samspill reindex`"
        )
    return Manifest(**values)


def verify(folder: Path) -> Manifest:
    """Compare every file of a generation with its digest.

    Raises:
        NoGenerationError: There is none in that folder.
        DamagedIndexError: A file is missing or not as it was written; the message names it.
    """
    manifest = read_manifest(folder)
    missing = [n for n in manifest.files if not (folder / n).is_file()]
    if missing:
        raise DamagedIndexError(f"{folder / missing[0]} is missing")
    found = digests(folder, sorted(manifest.files))
    wrong = [n for n, value in found.items() if value != manifest.files[n]]
    if wrong:
        raise DamagedIndexError(f"{folder / wrong[0]} is not as it was written")
    return manifest


def is_whole(folder: Path) -> bool:
    """Tell whether a folder was finished as a generation."""
    return not folder.name.endswith(BUILDING) and (folder / _SEAL).is_file()


BUILDING = ".building"
"""How the folder of a generation ends that is not finished."""
