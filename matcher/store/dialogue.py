"""Tables of the work around a ranking: needs' lives, dialogues, invitations, mail, the record."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from matcher.store.people import Moment
from matcher.store.schema import metadata


def _id() -> Column[str]:
    return Column("id", String(32), primary_key=True)


# A need under work. Its id is that of the record, which exists once it is published.
need_case = Table(
    "need_case",
    metadata,
    Column("need_id", String(200), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("content", JSON, nullable=False),
    Column("joint_id", String(200), index=True),
    Column("created_by", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

need_event = Table(
    "need_event",
    metadata,
    Column("need_id", ForeignKey("need_case.need_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(32), nullable=False),
    Column("action", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    # The whole need where this event changed it.
    Column("content", JSON(none_as_null=True)),
)

need_party = Table(
    "need_party",
    metadata,
    Column("need_id", ForeignKey("need_case.need_id", ondelete="CASCADE"), primary_key=True),
    Column("buyer_id", ForeignKey("buyer.id"), primary_key=True, index=True),
)

declaration = Table(
    "declaration",
    metadata,
    _id(),
    Column("need_id", ForeignKey("need_case.need_id"), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("texts", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_by", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("sent_at", Moment),
)

declaration_signature = Table(
    "declaration_signature",
    metadata,
    Column("declaration_id", ForeignKey("declaration.id"), primary_key=True),
    Column("buyer_id", ForeignKey("buyer.id"), primary_key=True),
    Column("decision", String(20), nullable=False),
    Column("commitment", String(20), nullable=False),
    Column("statement", Text, nullable=False),
    Column("account_id", String(32)),
    Column("at", Moment),
)

dialogue = Table(
    "dialogue",
    metadata,
    _id(),
    Column("title", Text, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("starts_at", Moment),
    Column("ends_at", Moment),
    Column("place", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("languages", JSON, nullable=False),
    Column("open_call", Text, nullable=False),
    Column("pack", JSON, nullable=False),
    Column("created_by", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

dialogue_need = Table(
    "dialogue_need",
    metadata,
    Column("dialogue_id", ForeignKey("dialogue.id"), primary_key=True),
    Column("need_id", ForeignKey("need_case.need_id"), primary_key=True, index=True),
)

invitation = Table(
    "invitation",
    metadata,
    _id(),
    Column("dialogue_id", ForeignKey("dialogue.id"), nullable=False),
    Column("supplier_id", ForeignKey("supplier.id"), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("origin", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("position", Integer),
    Column("score", Float),
    # The entry of the log that holds the ranking or draw it came from.
    Column("log_number", Integer),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("invited_at", Moment),
    Column("opened_at", Moment),
    Column("answered_at", Moment),
    Column("answer", Text, nullable=False),
    Column("reminders", Integer, nullable=False),
    # Nobody can stand on a list twice, so nobody can be invited twice.
    UniqueConstraint("dialogue_id", "supplier_id", name="uq_invitation_once"),
)

# Mail on its way. The address is blanked once sent, the text when retention says so.
message = Table(
    "message",
    metadata,
    _id(),
    # What the message is, so that no job can write it twice.
    Column("key", String(200), nullable=False, unique=True),
    Column("kind", String(30), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("language", String(2), nullable=False),
    Column("owner", String(250), nullable=False),
    Column("dialogue_id", String(32)),
    Column("address", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("stop_link", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("retry_at", Moment),
    Column("sent_at", Moment),
)

# Who gets no mail: unsubscribed, protected against advertising, muted for a while.
mail_stop = Table(
    "mail_stop",
    metadata,
    Column("owner", String(250), primary_key=True),
    Column("reason", String(20), primary_key=True),
    Column("until", Moment),
    Column("at", Moment, nullable=False),
)

profile = Table(
    "profile",
    metadata,
    Column("supplier_id", ForeignKey("supplier.id"), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("content", JSON, nullable=False),
    Column("open_to_partners", Boolean, nullable=False),
    Column("review_reason", Text, nullable=False),
    Column("reviewed_by", String(32)),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("published_at", Moment),
    Column("expires_at", Moment, index=True),
)

interest = Table(
    "interest",
    metadata,
    _id(),
    Column("supplier_id", ForeignKey("supplier.id"), nullable=False),
    Column("need_id", ForeignKey("need.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("supplier_id", "need_id", name="uq_interest_once"),
)

reverse_dialogue = Table(
    "reverse_dialogue",
    metadata,
    _id(),
    Column("supplier_id", ForeignKey("supplier.id"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("language", String(3), nullable=False),
    Column("state", String(20), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("answered_at", Moment),
)

subscription = Table(
    "subscription",
    metadata,
    _id(),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    # A supplier's profile, or else a text.
    Column("supplier_id", ForeignKey("supplier.id")),
    Column("text", Text, nullable=False),
    Column("language", String(3), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("filters", JSON, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("rhythm", String(10), nullable=False),
    Column("mail", Boolean, nullable=False),
    Column("feed_number", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("digest_at", Moment),
)

alert_hit = Table(
    "alert_hit",
    metadata,
    Column("subscription_id", ForeignKey("subscription.id", ondelete="CASCADE"), primary_key=True),
    Column("record_id", String(200), primary_key=True),
    Column("score", Float, nullable=False),
    Column("generation", String(100), nullable=False),
    Column("found_at", Moment, nullable=False),
)

# The record of the work: each entry's hash covers the one before. Database triggers refuse
# changes; only what an entry says can be taken out (erasure), never that it stood there.
log_entry = Table(
    "log_entry",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(40), nullable=False, index=True),
    Column("actor", String(32), nullable=False),
    Column("subject", String(250), nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("salt", String(64)),
    Column("payload", Text),
)

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("seal", String(64), nullable=False),
)
