"""Reading the whole store as it stood at one moment, and what changed since another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy
from sqlalchemy import JSON, Connection, Table, cast, func, select

from matcher.records import Kind, Need, Record, Supplier
from matcher.store import schema
from matcher.store.merges import has_parts, listed, with_parts
from matcher.store.plan import BOOKKEEPING

TABLES: dict[Kind, Table] = {Kind.SUPPLIER: schema.supplier, Kind.NEED: schema.need}
_BOOKKEEPING = BOOKKEEPING | {"title"}
_AT_A_TIME = 2000


@dataclass(frozen=True)
class Snapshot:
    """The store at one moment: whatever is written meanwhile is not seen.

    Attributes:
        sequence: The last change it contains.
    """

    sequence: int
    _connection: Connection

    def count(self, kind: Kind) -> int:
        """Return the number of records."""
        table = TABLES[kind]
        query = select(func.count()).select_from(table).where(listed(table))
        return int(self._connection.execute(query).scalar_one())

    def rows(self, kind: Kind) -> Iterator[tuple[Any, ...]]:
        """Yield all records as plain rows, in order of id, for :func:`decoder` to read."""
        table = TABLES[kind]
        query = select(*_plain_columns(table)).where(listed(table)).order_by(table.c.id)
        yield from self._stream(kind, query)

    def changed_rows(
        self, kind: Kind, since: int, until: int | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the records changed since one change and until another, those deleted left out."""
        table = TABLES[kind]
        query = select(*_plain_columns(table)).where(table.c.sequence > since, listed(table))
        if until is not None:
            query = query.where(table.c.sequence <= until)
        yield from self._stream(kind, query)

    def deleted_ids(self, kind: Kind, since: int) -> list[str]:
        """Return the ids of the records deleted, or merged into another, since."""
        table = TABLES[kind]
        query = select(table.c.id).where(table.c.sequence > since, ~listed(table))
        return list(self._connection.execute(query).scalars())

    def next_stop(self, since: int, most: int) -> int:
        """Return a later change, so that between the two no more than so many records changed."""
        stops = [self.sequence]
        for table in TABLES.values():
            query = select(table.c.sequence).where(table.c.sequence > since)
            found = self._connection.execute(
                query.order_by(table.c.sequence).offset(most - 1).limit(1)
            ).scalar()
            stops += [] if found is None else [int(found)]
        return min(stops)

    def changed_ids(self, kind: Kind, since: int) -> list[str]:
        """Return the ids of all records changed or deleted since."""
        table = TABLES[kind]
        found = self._connection.execute(select(table.c.id).where(table.c.sequence > since))
        return list(found.scalars())

    def _stream(self, kind: Kind, query: Any) -> Iterator[tuple[Any, ...]]:
        options = {"yield_per": _AT_A_TIME}
        for partition in self._connection.execute(query, execution_options=options).partitions():
            rows = [tuple(row) for row in partition]
            yield from self._with_parts(rows) if kind is Kind.SUPPLIER else rows

    def _with_parts(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Put into suppliers' rows what was merged into them, and texts of pages and files."""
        names = _names(schema.supplier)
        place = names.index("id")
        few = set(has_parts(self._connection, [row[place] for row in rows]))
        if not few:
            return rows
        read = decode_rows(Kind.SUPPLIER, [row for row in rows if row[place] in few])
        whole = with_parts(self._connection, {r.id: r for r in read if isinstance(r, Supplier)})
        return [_encode(whole[row[place]], names) if row[place] in few else row for row in rows]


def _encode(supplier: Supplier, names: list[str]) -> tuple[Any, ...]:
    values = supplier.model_dump(mode="json")
    return tuple(
        json.dumps(values[name]) if isinstance(schema.supplier.c[name].type, JSON) else values[name]
        for name in names
    )


def _names(table: Table) -> list[str]:
    return [c.name for c in table.c if c.name not in _BOOKKEEPING]


@contextmanager
def snapshot(connection: Connection) -> Iterator[Snapshot]:
    """Read in one transaction, which sees the store as it stands now."""
    with connection.begin():
        last = connection.execute(select(schema.change_sequence.c.last)).scalar_one()
        yield Snapshot(int(last), connection)


def decode_rows(kind: Kind, rows: Sequence[tuple[Any, ...]]) -> list[Record]:
    """Make records of plain rows; needs come without their buyers, which no index looks at."""
    model: type[Need] | type[Supplier] = Need if kind is Kind.NEED else Supplier
    names = _names(TABLES[kind])
    json_columns = {c.name for c in TABLES[kind].c if isinstance(c.type, JSON)}
    records: list[Record] = []
    for row in rows:
        values = dict(zip(names, row, strict=True))
        for name in json_columns:
            if isinstance(values[name], str):
                values[name] = json.loads(values[name])
        records.append(model(**values))
    return records


def decoder(kind: Kind) -> Any:
    """Return the function that makes records of a kind's rows; other processes can run it."""
    return partial(decode_rows, kind)


def _plain_columns(table: Table) -> list[Any]:
    """All columns of a record; JSON is left as text, to be read where there is time for it."""
    return [
        cast(c, sqlalchemy.Text) if isinstance(c.type, JSON) else c
        for c in table.c
        if c.name not in _BOOKKEEPING
    ]
