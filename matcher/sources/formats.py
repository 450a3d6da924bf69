"""The kinds of files that can be imported, and how a file's kind is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matcher.sources.base import Item, Refusal, Remark, find_files
from matcher.sources.bolagsverket import read_bolagsverket
from matcher.sources.brreg import read_brreg
from matcher.sources.cvr import read_cvr
from matcher.sources.documents import open_stream
from matcher.sources.doffin import read_doffin
from matcher.sources.notices import read_notices
from matcher.sources.ocds import read_ocds
from matcher.sources.prh import read_prh
from matcher.sources.table import read_table
from matcher.sources.ted_api import read_ted_api


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        read: Reader of files and folders.
        help: What it is, for the command line.
        mark: Bytes near the beginning of such a file that no other kind has.
    """

    read: Callable[[list[Path]], Iterator[Item]]
    help: str
    mark: tuple[bytes, ...] = ()


FORMATS: dict[str, Format] = {
    "table": Format(
        read_table,
        "CSV, TSV, XLSX or JSON Lines of needs or suppliers; headings in any Nordic language, "
        "English or German",
    ),
    "eforms": Format(
        read_notices,
        "notices as XML, eForms or the older TED XML, also in ZIP and TAR archives",
        (b"<",),
    ),
    "ted": Format(read_ted_api, "answers of TED's search API (JSON)", (b'"publication-number"',)),
    "doffin": Format(
        read_doffin, "answers of Doffin's API (JSON)", (b'"numHitsTotal"', b'"heading"')
    ),
    "ocds": Format(
        read_ocds, "OCDS releases, records and packages (JSON)", (b'"ocid"', b'"releases"')
    ),
    "brreg": Format(
        read_brreg,
        "Norway's company register as JSON, single, page or bulk, gzipped or not",
        (b'"organisasjonsnummer"', b"enhetsregisteret"),
    ),
    "cvr": Format(read_cvr, "Denmark's company register (JSON)", (b"Vrvirksomhed",)),
    "prh": Format(read_prh, "Finland's company register (JSON)", (b'"businessId"',)),
    "bolagsverket": Format(
        read_bolagsverket, "Sweden's company register (JSON)", (b'"organisationsidentitet"',)
    ),
}
ALIASES = {"ted-xml": "eforms", "tedxml": "eforms", "notices": "eforms", "ted-api": "ted"}
_HEAD = 50_000
_MARKS = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"
"""What may stand before a file's first character: white space, and marks of its encoding."""
_SUFFIXES = (".xml", ".xml.gz", ".zip", ".tar", ".tar.gz", ".tgz", ".json", ".json.gz", ".jsonl",
             ".jsonl.gz", ".ndjson", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".xlsx")  # fmt: skip


def read_any(paths: list[Path]) -> Iterator[Item]:
    """Read files of any kind, each by what it looks like."""
    for path in find_files(paths, _SUFFIXES):
        kind = guess_format(path)
        if path.stat().st_size == 0:
            yield Refusal(str(path), "", "", "the file is empty")
        elif kind is None:
            yield Refusal(str(path), "", "", "not recognised: import it as the kind it is")
        else:
            yield from FORMATS[kind].read([path])
    for folder in filter(Path.is_dir, paths):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.lower().endswith(_SUFFIXES):
                yield Remark(str(path), "", "", "left out: not a kind of file that is imported")


def guess_format(path: Path) -> str | None:
    """Guess a file's kind by its name and its beginning; None if nothing tells."""
    name = path.name.lower()
    if name.endswith((".zip", ".tar", ".tar.gz", ".tgz", ".xml", ".xml.gz")):
        return "eforms"
    if name.endswith((".csv", ".tsv", ".xlsx", ".csv.gz", ".tsv.gz")):
        return "table"
    try:
        with open_stream(path) as stream:
            head = stream.read(_HEAD)
    except (OSError, EOFError, ValueError):
        head = b""
    if head.lstrip(_MARKS).startswith(FORMATS["eforms"].mark):
        return "eforms"
    for kind, form in FORMATS.items():
        if kind != "eforms" and any(mark in head for mark in form.mark):
            return kind
    if b'"xml"' in head:
        return "eforms"
    return "table" if name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".txt")) else None
