"""The store: every record, its contact data apart, and the sequence of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from matcher.errors import NotFoundError
from matcher.records import Kind, Need, Record, Supplier
from matcher.store import schema
from matcher.store.buyers import read_buyers, save_buyers, save_contacts
from matcher.store.engine import check_revision, make_engine, migrate
from matcher.store.merges import listed, merge_by_number, touch_kept, with_parts
from matcher.store.plan import BOOKKEEPING, SaveResult, make_plan, pages_of, stamp
from matcher.store.snapshot import Snapshot, snapshot

_TABLES: dict[Kind, Table] = {Kind.SUPPLIER: schema.supplier, Kind.NEED: schema.need}
_MODELS: dict[Kind, type[Record]] = {Kind.SUPPLIER: Supplier, Kind.NEED: Need}


class Store:
    """Reads and writes records. Safe to share between threads; one per process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(samspill_write=True)

    @classmethod
    def create(cls, url: str) -> Self:
        """Open the store, making it or bringing its schema up to date first."""
        engine = make_engine(url)
        migrate(engine)
        return cls(engine)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open an existing store.

        Raises:
            NotInitialisedError: There is none, or its schema is another version's.
        """
        engine = make_engine(url)
        check_revision(engine)
        return cls(engine)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    # -- writing

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a connection that sees one consistent state."""
        return self.engine.begin()

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes: all of it happens, or nothing."""
        return self._writer.begin()

    def save(self, records: Sequence[Record], take_over: bool = False) -> SaveResult:
        """Insert or update records in one transaction.

        A record equal to the stored one is left alone, so importing a file twice changes
        nothing. An id given twice in the batch keeps the last.

        Args:
            records: Of either kind.
            take_over: Replace records of another source: their owner writes them from now on.
        """
        result = SaveResult()
        for kind in Kind:
            batch = {r.id: r for r in records if isinstance(r, _MODELS[kind])}
            if batch:
                with self._writer.begin() as connection:
                    self._save(connection, kind, batch, result, take_over)
        return result

    def compare(self, records: Sequence[Record], seen: dict[str, str]) -> SaveResult:
        """Tell what :meth:`save` would do, writing nothing.

        Args:
            records: The batch.
            seen: Digest by kind and id of what earlier batches of the same run would have
                written; added to.
        """
        result = SaveResult()
        for kind in Kind:
            batch = {r.id: r for r in records if isinstance(r, _MODELS[kind])}
            if not batch:
                continue
            with self.engine.connect() as connection:
                plan = make_plan(connection, _TABLES[kind], batch, result)
            for record, digest in [*plan.inserts, *plan.updates]:
                # One company from two feeds becomes two rows that are merged.
                key = f"{kind}:{record.id}:{record.source if kind is Kind.SUPPLIER else ''}"
                before = seen.get(key)
                if before == digest:
                    result.unchanged += 1
                elif before is not None or (record, digest) in plan.updates:
                    result.changed += 1
                else:
                    result.new += 1
                seen[key] = digest
        return result

    def save_in(self, connection: Connection, record: Record, take_over: bool = False) -> None:
        """Insert or update one record within a transaction of :meth:`writing`."""
        kind = Kind.NEED if isinstance(record, Need) else Kind.SUPPLIER
        self._save(connection, kind, {record.id: record}, SaveResult(), take_over)

    def delete(self, kind: Kind, record_id: str) -> None:
        """Take a record out: it leaves every list and the index; its contact data is erased.

        Raises:
            NotFoundError: There is no such record.
        """
        with self.writing() as connection:
            self.delete_in(connection, kind, record_id)

    def delete_in(self, connection: Connection, kind: Kind, record_id: str) -> None:
        """Take a record out within a transaction of :meth:`writing`.

        Raises:
            NotFoundError: There is no such record.
        """
        if not self._delete(connection, kind, record_id):
            raise NotFoundError(f"no {kind} {record_id!r}")

    def discard(self, ids: Iterable[str]) -> int:
        """Take out those of some records, needs or suppliers, that are there; return how many."""
        wanted = list(dict.fromkeys(ids))
        with self.writing() as connection:
            return sum(
                self._delete(connection, kind, record_id)
                for kind, table in _TABLES.items()
                for record_id in connection.execute(
                    select(table.c.id).where(table.c.id.in_(wanted), ~table.c.deleted)
                )
                .scalars()
                .all()
            )

    def _delete(self, connection: Connection, kind: Kind, record_id: str) -> bool:
        table = _TABLES[kind]
        hit = connection.execute(
            update(table)
            .where(table.c.id == record_id, ~table.c.deleted)
            .values(deleted=True, digest="", **stamp(self.next_change(connection, 1)))
        )
        if hit.rowcount and kind is Kind.SUPPLIER:
            contact, texts = schema.contact, schema.supplier_text
            connection.execute(delete(contact).where(contact.c.supplier_id == record_id))
            connection.execute(delete(texts).where(texts.c.supplier_id == record_id))
            # What was merged into it stands on its own again.
            connection.execute(
                update(table)
                .where(table.c.merged_into == record_id)
                .values(merged_into=None, **stamp(self.next_change(connection, 1)))
            )
        return bool(hit.rowcount)

    def _save(
        self,
        connection: Connection,
        kind: Kind,
        batch: dict[str, Record],
        result: SaveResult,
        take_over: bool = False,
    ) -> None:
        table = _TABLES[kind]
        plan = make_plan(connection, table, batch, result, take_over)
        result.new += len(plan.inserts)
        result.changed += len(plan.updates)
        changes = [*plan.inserts, *plan.updates]
        if not changes:
            return
        number = self.next_change(connection, len(changes))
        rows = []
        for record, digest in changes:
            rows.append({**_columns(record), "digest": digest, "deleted": False, **stamp(number)})
            number -= 1
        count = len(plan.inserts)
        if count:
            connection.execute(insert(table), rows[:count])
        if rows[count:]:
            changed = update(table).where(table.c.id == bindparam("_id"))
            connection.execute(changed, [{"_id": r.pop("id"), **r} for r in rows[count:]])
        written = [record for record, _ in changes]
        if kind is Kind.NEED:
            needs = [r for r in written if isinstance(r, Need)]
            save_buyers(connection, needs)
            self._replace(connection, needs)
            return
        suppliers = [r for r in written if isinstance(r, Supplier)]
        save_contacts(connection, "supplier_id", {r.id: r.contact for r in suppliers})
        result.merged += merge_by_number(connection, suppliers, self.next_change)
        touch_kept(connection, [r.id for r, _ in plan.updates], self.next_change)

    def _replace(self, connection: Connection, needs: list[Need]) -> None:
        """Take out the notices that newer ones say they change."""
        gone = [n.replaces for n in needs if n.replaces and n.replaces != n.id]
        if gone:
            table = schema.need
            # A notice may be named by its number of publication, which its address holds.
            pages = [p for n in needs for p in pages_of(n.replaces) if p != n.url]
            named = or_(table.c.id.in_(gone), table.c.url.in_(pages))
            held = connection.execute(select(table.c.id).where(named, ~table.c.deleted))
            for (need_id,) in held.all():
                connection.execute(
                    update(table)
                    .where(table.c.id == need_id)
                    .values(deleted=True, digest="", **stamp(self.next_change(connection, 1)))
                )

    def next_change(self, connection: Connection, count: int) -> int:
        """Take ``count`` numbers of the change sequence and return the last.

        The row is updated first, so writers queue here and numbers become visible in order.
        """
        sequence = schema.change_sequence
        connection.execute(update(sequence).values(last=sequence.c.last + count))
        return int(connection.execute(select(sequence.c.last)).scalar_one())

    # -- reading

    def get(self, kind: Kind, record_id: str) -> Record:
        """Return one record.

        Raises:
            NotFoundError: There is no such record.
        """
        found = self.get_many(kind, [record_id])
        if not found:
            raise NotFoundError(f"no {kind} {record_id!r}")
        return found[record_id]

    def need(self, need_id: str) -> Need:
        """Return one need, or raise :class:`NotFoundError`."""
        record = self.get(Kind.NEED, need_id)
        assert isinstance(record, Need)
        return record

    def supplier(self, supplier_id: str) -> Supplier:
        """Return one supplier, or raise :class:`NotFoundError`."""
        record = self.get(Kind.SUPPLIER, supplier_id)
        assert isinstance(record, Supplier)
        return record

    def supplier_in(self, connection: Connection, supplier_id: str) -> Supplier:
        """Return a supplier within a transaction, also one that was taken out."""
        table = schema.supplier
        row = connection.execute(select(table).where(table.c.id == supplier_id)).one_or_none()
        if row is None:
            raise NotFoundError(f"no supplier {supplier_id!r}")
        return Supplier(**_plain(row))

    def get_many(self, kind: Kind, ids: Iterable[str]) -> dict[str, Record]:
        """Return the records of some ids; ids that do not exist are left out."""
        table = _TABLES[kind]
        wanted = list(ids)
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(table).where(table.c.id.in_(wanted), listed(table))
            ).all()
            return {r.id: r for r in self._records(connection, kind, rows)}

    def page(self, kind: Kind, offset: int = 0, limit: int = 50) -> list[Record]:
        """Return a page of records, the last changed first."""
        table = _TABLES[kind]
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(table)
                .where(listed(table))
                .order_by(table.c.sequence.desc())
                .offset(offset)
                .limit(limit)
            ).all()
            return list(self._records(connection, kind, rows))

    def iterate(self, kind: Kind, batch: int = 1000) -> Iterator[Record]:
        """Yield all records in order of id, read in one consistent snapshot."""
        table = _TABLES[kind]
        with self.engine.connect() as connection:
            rows = connection.execution_options(yield_per=batch).execute(
                select(table).where(listed(table)).order_by(table.c.id)
            )
            for partition in rows.partitions():
                yield from self._records(connection, kind, partition)

    def count(self, kind: Kind) -> int:
        """Return the number of records."""
        table = _TABLES[kind]
        with self.engine.connect() as connection:
            query = select(func.count()).select_from(table).where(listed(table))
            return int(connection.execute(query).scalar_one())

    def last_change(self) -> int:
        """Return the number of the last change, 0 in an empty store."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(schema.change_sequence.c.last)).scalar_one())

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Read the store as it stands now, whatever is written meanwhile."""
        with self.engine.connect() as connection, snapshot(connection) as found:
            yield found

    def _records(self, connection: Connection, kind: Kind, rows: Sequence[Any]) -> Iterator[Record]:
        if kind is Kind.SUPPLIER:
            whole = with_parts(connection, {row.id: Supplier(**_plain(row)) for row in rows})
            yield from whole.values()
            return
        buyers = read_buyers(connection, [row.id for row in rows])
        for row in rows:
            yield Need(**_plain(row), buyers=tuple(buyers.get(row.id, ())))


def _plain(row: Any) -> dict[str, Any]:
    values = {k: v for k, v in row._mapping.items() if k not in BOOKKEEPING}
    del values["title"]
    return values


def _columns(record: Record) -> dict[str, Any]:
    values = record.model_dump(mode="python", exclude={"buyers"})
    values["title"] = record.title
    return values
