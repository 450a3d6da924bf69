"""Feeds: bytes in, records and a report of what was refused out. One module a feed."""
