"""Who won what: award notices, kept apart from all that is matched and never ranked by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, insert, select, update

from matcher.codes import organisation_key
from matcher.records import AwardNotice, Supplier
from matcher.store import schema
from matcher.store.store import Store


@dataclass(frozen=True)
class Win:
    """One contract or lot a supplier won.

    ``value`` is in ``currency``, None where it is not published.
    """

    notice_id: str
    title: str
    published: date | None
    lot: str
    value: float | None
    currency: str
    buyers: tuple[str, ...]


def save_award_notices(store: Store, notices: list[AwardNotice]) -> None:
    """Save notices, each in place of the version that is held, unless that one is newer."""
    table, award = schema.award_notice, schema.award
    with store.writing() as connection:
        for notice in notices:
            held = connection.execute(
                select(table.c.version).where(table.c.id == notice.id)
            ).scalar_one_or_none()
            if held is not None and notice.version < held:
                continue
            values = notice.model_dump(mode="json", exclude={"awards", "published"})
            values["published"] = notice.published
            if held is None:
                connection.execute(insert(table).values(**values))
            else:
                connection.execute(update(table).where(table.c.id == notice.id).values(**values))
                connection.execute(delete(award).where(award.c.notice_id == notice.id))
            rows = [
                {
                    "notice_id": notice.id,
                    "position": position,
                    "key": organisation_key(a.name, a.organisation_number, a.country),
                    **a.model_dump(),
                }
                for position, a in enumerate(notice.awards)
            ]
            if rows:
                connection.execute(insert(award), rows)


def wins_of(store: Store, supplier: Supplier) -> list[Win]:
    """Return what a supplier won, the newest first."""
    table, award = schema.award_notice, schema.award
    key = organisation_key(supplier.name, supplier.organisation_number, supplier.country)
    query = (
        select(award, table.c.title, table.c.published, table.c.buyers)
        .join(table, table.c.id == award.c.notice_id)
        .where(award.c.key == key)
        .order_by(table.c.published.desc().nulls_last(), award.c.notice_id, award.c.position)
    )
    with store.engine.connect() as connection:
        return [
            Win(
                notice_id=row.notice_id,
                title=row.title,
                published=row.published,
                lot=row.lot,
                value=row.value,
                currency=row.currency,
                buyers=tuple(b["name"] for b in row.buyers),
            )
            for row in connection.execute(query)
        ]
