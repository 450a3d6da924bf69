"""Collections: needs, suppliers and judgements in a folder, for evaluation and demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matcher.errors import InputError
from matcher.records import Kind, Record
from matcher.sources.rows import read_rows
from matcher.sources.table import make_record


@dataclass(frozen=True)
class Collection:
    """A collection as it stands in its folder.

    Attributes:
        needs, suppliers: In order of their ids.
        judgements: Need id -> supplier id -> grade, 0 (not) to 3 (clearly to be invited).
        problems: What could not be read, as sentences.
    """

    needs: list[Record]
    suppliers: list[Record]
    judgements: dict[str, dict[str, int]]
    problems: list[str]

    def records(self, kind: Kind) -> list[Record]:
        """Return one side."""
        return self.needs if kind is Kind.NEED else self.suppliers


def read_collection(folder: Path) -> Collection:
    """Read ``needs.jsonl``, ``suppliers.jsonl`` and, if there, ``qrels.tsv``.

    A field that cannot be used is left out and named among the problems; a record without text
    is left out whole. Fields that are not known are ignored.

    Raises:
        InputError: A file is missing, or nothing in it can be read.
    """
    problems: list[str] = []
    needs = _records(folder / "needs.jsonl", Kind.NEED, problems)
    suppliers = _records(folder / "suppliers.jsonl", Kind.SUPPLIER, problems)
    path = folder / "qrels.tsv"
    judgements = read_judgements(path, problems) if path.exists() else {}
    return Collection(needs, suppliers, judgements, problems)


def read_judgements(path: Path, problems: list[str]) -> dict[str, dict[str, int]]:
    """Read ``need_id <TAB> supplier_id <TAB> grade`` lines; others are named as problems."""
    judgements: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) == 3 and cells[2].strip() in ("0", "1", "2", "3"):
            judgements.setdefault(cells[0].strip(), {})[cells[1].strip()] = int(cells[2])
        elif number > 1:
            problems.append(f"{path}, line {number}: not need_id, supplier_id, grade 0-3: {line!r}")
    return judgements


def _records(path: Path, kind: Kind, problems: list[str]) -> list[Record]:
    if not path.exists():
        raise InputError(f"{path}: a collection needs this file")
    found: dict[str, Record] = {}
    for row in read_rows(path):
        if row.problem:
            problems.append(f"{path}, {row.place}: {row.problem}")
            continue
        record, wrong = make_record(_known(row.values), kind, row.place)
        problems += [f"{path}, {row.place}, {field}: {reason}" for field, reason in wrong]
        if record is not None:
            found[record.id] = record
    if not found:
        raise InputError(f"{path}: holds no {kind} that can be read")
    return sorted(found.values(), key=lambda r: r.id)


def _known(values: dict[str, object]) -> dict[str, object]:
    """Our own field names only: a collection's other fields mean nothing to us."""
    aliases = {"website": "url", "buyer": "buyers"}
    return {aliases.get(name, name): value for name, value in values.items() if value is not None}
