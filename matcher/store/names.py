"""Names of CPV codes in the languages that were imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, insert, select

from matcher.codes import cpv_name
from matcher.store import schema
from matcher.store.store import Store


def save_cpv_names(store: Store, lang: str, names: Mapping[str, str]) -> None:
    """Save the names of one language in place of those that are held."""
    table = schema.cpv_name
    rows = [{"code": code, "lang": lang, "name": name} for code, name in names.items()]
    with store.writing() as connection:
        connection.execute(delete(table).where(table.c.lang == lang))
        connection.execute(insert(table), rows)


def cpv_names(store: Store, codes: Iterable[str], lang: str) -> dict[str, str]:
    """Return names by code for a reader.

    A code whose name was not imported gets the nearest one above it that was, else its
    division's, which comes with the product in all interface languages. Nynorsk falls back on
    Bokmål, for the EU's list has no other Norwegian.
    """
    wanted = list(dict.fromkeys(codes))
    above = {code: [code[:n].ljust(8, "0") for n in range(8, 1, -1)] for code in wanted}
    table = schema.cpv_name
    order = [lang, "nb"] if lang == "nn" else [lang]
    with store.engine.connect() as connection:
        rows = connection.execute(
            select(table).where(
                table.c.lang.in_(order), table.c.code.in_({c for cs in above.values() for c in cs})
            )
        ).all()
    held: dict[str, str] = {}
    for row in sorted(rows, key=lambda r: -order.index(r.lang)):
        held[row.code] = row.name
    return {
        code: next((held[c] for c in above[code] if c in held), cpv_name(code, lang))
        for code in wanted
    }
