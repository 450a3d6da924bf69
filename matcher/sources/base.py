"""What every source yields, and the report of an import.

A source is a function from a path to items: a record, a refusal (it cannot be used, and why) or
a record set aside (understood, but nothing to match). Nothing else leaves a source: whatever a
file holds ends up as one of the three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as column
from pathlib import Path
from typing import Any

from matcher.errors import InputError
from matcher.records import Record


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
    """A record that is understood but is nothing to match, such as an award notice."""

    file: str
    record: str
    reason: str


Item = Record | Refusal | SetAside


@dataclass
class Report:
    """What became of everything that was read.

    Always ``read == new + changed + unchanged + set_aside + refused``.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    set_aside: dict[str, int] = column(default_factory=dict)
    refused: list[Refusal] = column(default_factory=list)
    refused_file: Path | None = None

    @property
    def read(self) -> int:
        """Number of records read."""
        return (
            self.new
            + self.changed
            + self.unchanged
            + sum(self.set_aside.values())
            + len(self.refused)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return {
            "read": self.read,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "set_aside": self.set_aside,
            "refused": [
                {"file": r.file, "record": r.record, "field": r.field, "reason": r.reason}
                for r in self.refused
            ],
            "refused_file": str(self.refused_file) if self.refused_file else None,
        }


def find_files(paths: list[Path], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files among the paths, and those in folders that end in one of the suffixes.

    Raises:
        InputError: A path does not exist.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(
                p for p in path.rglob("*") if p.is_file() and p.name.lower().endswith(suffixes)
            )
        elif path.exists():
            yield path
        else:
            raise InputError(f"{path}: no such file or folder")
