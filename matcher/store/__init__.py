"""The store of records: SQLAlchemy Core on SQLite, or PostgreSQL by URL."""

from matcher.store import dialogue, people, schema
from matcher.store.judgements import Grade, Judgements
from matcher.store.plan import SaveResult
from matcher.store.store import Store

__all__ = ["Grade", "Judgements", "SaveResult", "Store", "dialogue", "people", "schema"]
