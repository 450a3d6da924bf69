"""The tables of the store.

Records are kept as one row each, with what is listed and filtered in columns and what is only
read whole (texts, codes, parts) as JSON. Contact data stands in a table of its own, so that
whatever reads records for indexing never touches it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _record_columns() -> list[Column[object]]:
    return [
        Column("id", String(200), primary_key=True),
        Column("title", Text, nullable=False),
        Column("texts", JSON, nullable=False),
        Column("country", String(2), nullable=False),
        Column("region", Text, nullable=False),
        Column("cpv", JSON, nullable=False),
        Column("url", Text, nullable=False),
        Column("source", String(50), nullable=False),
        Column("source_id", String(200), nullable=False),
        # Digest of everything but the contact; equal means unchanged on import.
        Column("digest", String(32), nullable=False),
        # The change that last touched the row; the index remembers up to which it has seen.
        Column("sequence", Integer, nullable=False, index=True),
        Column("changed_at", DateTime(timezone=True), nullable=False),
        # A deleted record keeps its row, so that the index learns of it and its id stays taken.
        Column("deleted", Boolean, nullable=False, default=False),
    ]


supplier = Table(
    "supplier",
    metadata,
    *_record_columns(),
    Column("name", Text, nullable=False),
    Column("organisation_number", String(50), nullable=False, index=True),
    Column("municipality", Text, nullable=False),
    Column("nace", JSON, nullable=False),
    Column("employees", Integer),
    Column("founded", Integer),
    Column("legal_form", String(50), nullable=False, server_default=""),
    Column("size", String(10), nullable=False, server_default=""),
    Column("personal_data", Boolean, nullable=False, server_default=false()),
    Column("no_advertising", Boolean, nullable=False, server_default=false()),
    # The supplier this one was merged into: it is read as part of that one.
    Column("merged_into", String(200), index=True),
)

need = Table(
    "need",
    metadata,
    *_record_columns(),
    Column("parts", JSON, nullable=False),
    Column("procedure", String(30), nullable=False),
    Column("notice_type", String(30), nullable=False),
    Column("notice_version", String(30), nullable=False),
    Column("published", Date),
    Column("deadline", Date),
    Column("value", Float),
    Column("currency", String(3), nullable=False),
    Column("innovation", Boolean, nullable=False),
    Column("procedure_id", String(200), nullable=False, server_default=""),
    Column("earlier_notices", JSON, nullable=False, server_default="[]"),
    Column("replaces", String(200), nullable=False, server_default=""),
)

buyer = Table(
    "buyer",
    metadata,
    Column("id", Integer, primary_key=True),
    # Organisation number with country where there is one, else the folded name with country.
    Column("key", String(250), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("organisation_number", String(50), nullable=False),
    Column("country", String(2), nullable=False),
)

need_buyer = Table(
    "need_buyer",
    metadata,
    Column("need_id", ForeignKey("need.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("buyer_id", ForeignKey("buyer.id"), nullable=False, index=True),
    Column("commitment", String(20), nullable=False),
    Column("lead", Boolean, nullable=False),
    Column("central_purchasing_body", Boolean, nullable=False),
    # As this notice spells them; the buyer's row holds the spelling that was seen first.
    Column("name", Text, nullable=False, server_default=""),
    Column("organisation_number", Text, nullable=False, server_default=""),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("supplier_id", ForeignKey("supplier.id", ondelete="CASCADE"), unique=True),
    Column("buyer_id", ForeignKey("buyer.id", ondelete="CASCADE"), unique=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
)

supplier_text = Table(
    "supplier_text",
    metadata,
    Column("supplier_id", ForeignKey("supplier.id", ondelete="CASCADE"), primary_key=True),
    # The page or file the texts were read from.
    Column("url", String(1000), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("lang", String(3), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("retrieved", String(10), nullable=False),
)

supplier_merge = Table(
    "supplier_merge",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kept_id", String(200), nullable=False),
    Column("merged_id", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    # suggested, merged, rejected or undone.
    Column("state", String(10), nullable=False, index=True),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("kept_id", "merged_id"),
)

award_notice = Table(
    "award_notice",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("source", String(50), nullable=False),
    Column("title", Text, nullable=False),
    Column("version", String(30), nullable=False),
    Column("procedure_id", String(200), nullable=False, index=True),
    Column("earlier_notices", JSON, nullable=False),
    Column("published", Date),
    Column("buyers", JSON, nullable=False),
    Column("cpv", JSON, nullable=False),
)

award = Table(
    "award",
    metadata,
    Column("notice_id", ForeignKey("award_notice.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    # Country and number, else country and folded name: what finds a supplier's history.
    Column("key", String(250), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("organisation_number", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("lot", Text, nullable=False),
    Column("value", Float),
    Column("currency", String(3), nullable=False),
)

sync_state = Table(
    "sync_state",
    metadata,
    Column("connector", String(50), primary_key=True),
    Column("cursor", JSON, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

cpv_name = Table(
    "cpv_name",
    metadata,
    Column("code", String(8), primary_key=True),
    Column("lang", String(3), primary_key=True),
    Column("name", Text, nullable=False),
)

# What brokers said of a supplier for a need. Who said it stands in the record of the dialogue.
judgement = Table(
    "judgement",
    metadata,
    Column("need_id", ForeignKey("need.id", ondelete="CASCADE"), primary_key=True),
    Column("supplier_id", ForeignKey("supplier.id", ondelete="CASCADE"), primary_key=True),
    Column("grade", Integer, nullable=False),
    Column("judged_at", DateTime(timezone=True), nullable=False),
)

change_sequence = Table(
    "change_sequence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

job_run = Table(
    "job_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String(30), nullable=False, index=True),
    # Process and host.
    Column("holder", String(200), nullable=False),
    Column("started", DateTime(timezone=True), nullable=False),
    Column("ended", DateTime(timezone=True)),
    Column("seconds", Float, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("generation", String(60), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("peak_memory", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
)

Index("ix_supplier_source", supplier.c.source, supplier.c.source_id)
Index("ix_need_source", need.c.source, need.c.source_id)
