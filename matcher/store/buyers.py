"""Buyers, their part in needs, and contact data: kept in tables of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from matcher.codes import organisation_key
from matcher.records import Buyer, Contact, Need
from matcher.store import schema


def buyer_key(buyer: Buyer) -> str:
    """Return what tells one buyer from another: its number, else its folded name."""
    return organisation_key(buyer.name, buyer.organisation_number, buyer.country)


def ensure_buyers(connection: Connection, buyers: dict[str, Buyer]) -> dict[str, int]:
    """Return key -> id of buyers by :func:`buyer_key`, adding those that are not known."""
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
        connection.execute(insert(schema.buyer), missing)
        known = _buyer_ids(connection, buyers)
    return known


def save_buyers(connection: Connection, needs: list[Need]) -> None:
    """Save the buyers of some needs and their part in them."""
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
            "name": b.name,
            "organisation_number": b.organisation_number,
        }
        for need in needs
        for position, b in enumerate(need.buyers)
    ]
    if links:
        connection.execute(insert(link), links)
    contacts: dict[Any, Contact | None] = {
        known[key]: b.contact for key, b in buyers.items() if b.contact
    }
    save_contacts(connection, "buyer_id", contacts)


def _buyer_ids(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    table = schema.buyer
    query = select(table.c.key, table.c.id).where(table.c.key.in_(list(keys)))
    return {row.key: row.id for row in connection.execute(query)}


def save_contacts(connection: Connection, owner: str, contacts: dict[Any, Contact | None]) -> None:
    """Save contact data by its owner (``supplier_id`` or ``buyer_id``), replacing what was."""
    table = schema.contact
    connection.execute(delete(table).where(table.c[owner].in_(list(contacts))))
    rows = [{owner: key, **c.model_dump()} for key, c in contacts.items() if c]
    if rows:
        connection.execute(insert(table), rows)


def read_buyers(connection: Connection, need_ids: list[str]) -> dict[str, list[Buyer]]:
    """Return the buyers of some needs, each as its notice spells it."""
    link, table = schema.need_buyer, schema.buyer
    query = (
        select(
            link,
            table.c.country,
            table.c.name.label("first_name"),
            table.c.organisation_number.label("first_number"),
        )
        .join(table, table.c.id == link.c.buyer_id)
        .where(link.c.need_id.in_(need_ids))
        .order_by(link.c.need_id, link.c.position)
    )
    found: dict[str, list[Buyer]] = {}
    for row in connection.execute(query):
        found.setdefault(row.need_id, []).append(
            Buyer(
                name=row.name or row.first_name,
                organisation_number=row.organisation_number
                or ("" if row.name else row.first_number),
                country=row.country,
                commitment=row.commitment,
                lead=row.lead,
                central_purchasing_body=row.central_purchasing_body,
            )
        )
    return found
