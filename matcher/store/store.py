"""The store: every record, its contact data apart, and the sequence of changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update

from matcher.errors import NotFoundError
from matcher.records import Buyer, Contact, Kind, Need, Record, Supplier
from matcher.store import schema
from matcher.store.engine import check_revision, make_engine, migrate
from matcher.store.snapshot import Snapshot, snapshot

_TABLES: dict[Kind, Table] = {Kind.SUPPLIER: schema.supplier, Kind.NEED: schema.need}
_MODELS: dict[Kind, type[Record]] = {Kind.SUPPLIER: Supplier, Kind.NEED: Need}
_BOOKKEEPING = {"digest", "sequence", "changed_at", "deleted"}

PROFILE = "profile"
"""Source of a record that its owner has written. No feed overwrites it or brings it back."""


@dataclass
class SaveResult:
    """What became of a batch of records.

    ``taken`` lists ids that belong to a record of another source and were left alone, with
    that source.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    taken: list[tuple[str, str]] = field(default_factory=list)


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

    def save_in(self, connection: Connection, record: Record, take_over: bool = False) -> None:
        """Insert or update one record within a transaction of :meth:`writing`."""
        kind = Kind.NEED if isinstance(record, Need) else Kind.SUPPLIER
        self._save(connection, kind, {record.id: record}, SaveResult(), take_over)

    def delete(self, kind: Kind, record_id: str) -> None:
        """Take a record out: it leaves every list and the index; its contact data is erased.

        Raises:
            NotFoundError: There is no such record.
        """
        with self._writer.begin() as connection:
            self.delete_in(connection, kind, record_id)

    def delete_in(self, connection: Connection, kind: Kind, record_id: str) -> None:
        """Take a record out within a transaction of :meth:`writing`."""
        table = _TABLES[kind]
        hit = connection.execute(
            update(table)
            .where(table.c.id == record_id, ~table.c.deleted)
            .values(deleted=True, digest="", **_stamp(self._next(connection, 1)))
        )
        if not hit.rowcount:
            raise NotFoundError(f"no {kind} {record_id!r}")
        if kind is Kind.SUPPLIER:
            connection.execute(
                delete(schema.contact).where(schema.contact.c.supplier_id == record_id)
            )

    def _save(
        self,
        connection: Connection,
        kind: Kind,
        batch: dict[str, Record],
        result: SaveResult,
        take_over: bool = False,
    ) -> None:
        table = _TABLES[kind]
        known = {
            row.id: row
            for row in connection.execute(
                select(table.c.id, table.c.digest, table.c.source).where(table.c.id.in_(batch))
            )
        }
        inserts, updates = [], []
        for record in batch.values():
            digest = _digest(record)
            row = known.get(record.id)
            if row is None:
                inserts.append((record, digest))
            elif row.source == PROFILE and record.source != PROFILE and not take_over:
                result.unchanged += 1
            elif row.source != record.source and not take_over:
                result.taken.append((record.id, row.source))
            elif row.digest != digest:
                updates.append((record, digest))
            else:
                result.unchanged += 1
        result.new += len(inserts)
        result.changed += len(updates)
        if not inserts and not updates:
            return
        number = self._next(connection, len(inserts) + len(updates))
        rows = []
        for record, digest in [*inserts, *updates]:
            rows.append({**_columns(record), "digest": digest, "deleted": False, **_stamp(number)})
            number -= 1
        if inserts:
            connection.execute(insert(table), rows[: len(inserts)])
        for row_values in rows[len(inserts) :]:
            connection.execute(
                update(table).where(table.c.id == row_values["id"]).values(**row_values)
            )
        written = [record for record, _ in [*inserts, *updates]]
        if kind is Kind.NEED:
            _save_buyers(connection, [r for r in written if isinstance(r, Need)])
        else:
            _save_contacts(
                connection,
                "supplier_id",
                {r.id: r.contact for r in written if isinstance(r, Supplier)},
            )

    def _next(self, connection: Connection, count: int) -> int:
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
                select(table).where(table.c.id.in_(wanted), ~table.c.deleted)
            ).all()
            return {r.id: r for r in self._records(connection, kind, rows)}

    def page(self, kind: Kind, offset: int = 0, limit: int = 50) -> list[Record]:
        """Return a page of records, the last changed first."""
        table = _TABLES[kind]
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(table)
                .where(~table.c.deleted)
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
                select(table).where(~table.c.deleted).order_by(table.c.id)
            )
            for partition in rows.partitions():
                yield from self._records(connection, kind, partition)

    def count(self, kind: Kind) -> int:
        """Return the number of records."""
        table = _TABLES[kind]
        with self.engine.connect() as connection:
            query = select(func.count()).select_from(table).where(~table.c.deleted)
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
            for row in rows:
                yield Supplier(**_plain(row))
            return
        buyers = _read_buyers(connection, [row.id for row in rows])
        for row in rows:
            yield Need(**_plain(row), buyers=tuple(buyers.get(row.id, ())))


def _plain(row: Any) -> dict[str, Any]:
    values = {k: v for k, v in row._mapping.items() if k not in _BOOKKEEPING}
    del values["title"]
    return values


def _columns(record: Record) -> dict[str, Any]:
    values = record.model_dump(mode="python", exclude={"buyers"})
    values["title"] = record.title
    return values


def _digest(record: Record) -> str:
    contacts: list[Contact | None] = [getattr(record, "contact", None)]
    if isinstance(record, Need):
        contacts += [b.contact for b in record.buyers]
    digest = hashlib.blake2b(record.model_dump_json().encode(), digest_size=16)
    for contact in contacts:
        digest.update(contact.model_dump_json().encode() if contact else b"-")
    return digest.hexdigest()


def _stamp(sequence: int) -> dict[str, Any]:
    return {"sequence": sequence, "changed_at": datetime.now(UTC)}


def buyer_key(buyer: Buyer) -> str:
    """Return what tells one buyer from another: its number, else its folded name."""
    number = "".join(c for c in buyer.organisation_number.upper() if c.isalnum())
    name = " ".join(buyer.name.casefold().split())
    return f"{buyer.country}:{number or name}"[:250]


def ensure_buyers(connection: Connection, buyers: dict[str, Buyer]) -> dict[str, int]:
    """Return key -> id of buyers by :func:`buyer_key`, adding those that are not known."""
    table = schema.buyer
    known = _buyer_ids(connection, buyers)
    missing = [
        {
            "key": key,
            "name": b.name,
            "organisation_number": b.organisation_number,
            "country": b.country,
        }
        for key, b in buyers.items()
        if key not in known
    ]
    if missing:
        connection.execute(insert(table), missing)
        known = _buyer_ids(connection, buyers)
    return known


def _save_buyers(connection: Connection, needs: list[Need]) -> None:
    buyers = {buyer_key(b): b for need in needs for b in need.buyers}
    known = ensure_buyers(connection, buyers)
    link = schema.need_buyer
    connection.execute(delete(link).where(link.c.need_id.in_([n.id for n in needs])))
    links = [
        {
            "need_id": need.id,
            "position": position,
            "buyer_id": known[buyer_key(b)],
            "commitment": b.commitment,
            "lead": b.lead,
            "central_purchasing_body": b.central_purchasing_body,
        }
        for need in needs
        for position, b in enumerate(need.buyers)
    ]
    if links:
        connection.execute(insert(link), links)
    contacts: dict[Any, Contact | None] = {
        known[key]: b.contact for key, b in buyers.items() if b.contact
    }
    _save_contacts(connection, "buyer_id", contacts)


def _buyer_ids(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    table = schema.buyer
    query = select(table.c.key, table.c.id).where(table.c.key.in_(list(keys)))
    return {row.key: row.id for row in connection.execute(query)}


def _save_contacts(connection: Connection, owner: str, contacts: dict[Any, Contact | None]) -> None:
    table = schema.contact
    connection.execute(delete(table).where(table.c[owner].in_(list(contacts))))
    rows = [{owner: key, **c.model_dump()} for key, c in contacts.items() if c]
    if rows:
        connection.execute(insert(table), rows)


def _read_buyers(connection: Connection, need_ids: list[str]) -> dict[str, list[Buyer]]:
    link, table = schema.need_buyer, schema.buyer
    query = (
        select(link, table.c.name, table.c.organisation_number, table.c.country)
        .join(table, table.c.id == link.c.buyer_id)
        .where(link.c.need_id.in_(need_ids))
        .order_by(link.c.need_id, link.c.position)
    )
    found: dict[str, list[Buyer]] = {}
    for row in connection.execute(query):
        found.setdefault(row.need_id, []).append(
            Buyer(
                name=row.name,
                organisation_number=row.organisation_number,
                country=row.country,
                commitment=row.commitment,
                lead=row.lead,
                central_purchasing_body=row.central_purchasing_body,
            )
        )
    return found
