"""The store of records: SQLAlchemy Core on SQLite, or PostgreSQL by URL."""

from matcher.store.judgements import Grade, Judgements
from matcher.store.plan import SaveResult
from matcher.store.store import Store

__all__ = ["Grade", "Judgements", "SaveResult", "Store"]
