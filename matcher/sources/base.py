"""What every source yields, and the report of an import.

A source is a function from a path to items: a record, a refusal (it cannot be used, and why) or
a record set aside (understood, but nothing to match). Whatever a file holds ends up as one of
the three. A remark tells beside them what was left out of, or mended in, a record that is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from dataclasses import field as column
from pathlib import Path
from typing import Any

from matcher.errors import InputError
from matcher.records import AwardNotice, Record

SHOWN = 1000
"""Refusals and remarks a report holds in full; beyond that they are counted only."""


@dataclass(frozen=True)
class Refusal:
    """A record, or a whole file, that cannot be used.

    Attributes:
        file: Where it stands.
        record: Which one: line, row or id.
        field: What is wrong, empty if it is the whole.
        reason: Why, and what would be right.
        content: The record as found, so that it can be mended and imported again.
    """

    file: str
    record: str
    field: str
    reason: str
    content: dict[str, Any] = column(default_factory=dict)

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.file, self.record, self.field) if part)
        return f"{where}: {self.reason}"


@dataclass(frozen=True)
class SetAside:
    """A record that is understood but is nothing to match, such as an award notice.

    Attributes:
        history: Who won, where the record tells; kept for the suppliers' history.
        removes: Id of the supplier or need that this record says is no more.
        version: The version that a cancellation is of, where there may be versions after it.
    """

    file: str
    record: str
    reason: str
    history: AwardNotice | None = None
    removes: str = ""
    version: str = ""


@dataclass(frozen=True)
class Remark:
    """What was left out of, or mended in, a record that is used all the same. Not counted."""

    file: str
    record: str
    field: str
    reason: str

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.file, self.record, self.field) if part)
        return f"{where}: {self.reason}"


Item = Record | Refusal | SetAside | Remark


@dataclass
class Report:
    """What became of everything that was read.

    Always ``read == new + changed + unchanged + set_aside + refused``. ``refused`` and
    ``remarks`` hold the first thousand each; the file of refused records holds all.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    removed: int = 0
    set_aside: dict[str, int] = column(default_factory=dict)
    refused_count: int = 0
    refused: list[Refusal] = column(default_factory=list)
    refused_file: Path | None = None
    remark_count: int = 0
    remarks: list[Remark] = column(default_factory=list)
    checked_only: bool = False

    @property
    def read(self) -> int:
        """Number of records read."""
        aside = sum(self.set_aside.values())
        return self.new + self.changed + self.unchanged + aside + self.refused_count

    def refuse(self, refusal: Refusal) -> None:
        """Count a refusal; its content is not kept here, for a million may come."""
        self.refused_count += 1
        if len(self.refused) < SHOWN:
            self.refused.append(replace(refusal, content={}))

    def remark(self, remark: Remark) -> None:
        """Note a remark."""
        self.remark_count += 1
        if len(self.remarks) < SHOWN:
            self.remarks.append(remark)

    def put_aside(self, reason: str, count: int = 1) -> None:
        """Count what is set aside, by its reason."""
        self.set_aside[reason] = self.set_aside.get(reason, 0) + count

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return {
            "read": self.read,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "set_aside": self.set_aside,
            "refused_count": self.refused_count,
            "refused": [
                {"file": r.file, "record": r.record, "field": r.field, "reason": r.reason}
                for r in self.refused
            ],
            "refused_file": str(self.refused_file) if self.refused_file else None,
            "merged": self.merged,
            "removed": self.removed,
            "remark_count": self.remark_count,
            "remarks": [asdict(r) for r in self.remarks],
            "checked_only": self.checked_only,
        }


def find_files(paths: list[Path], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files among the paths, and those in folders that end in one of the suffixes.

    Raises:
        InputError: A path does not exist.
    """
    for path in paths:
        # Before anything is read, so that a misspelt name does not cost what stands before it.
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    for path in paths:
        if path.is_dir():
            yield from sorted(
                p for p in path.rglob("*") if p.is_file() and p.name.lower().endswith(suffixes)
            )
        else:
            yield path
