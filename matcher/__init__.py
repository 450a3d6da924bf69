"""Samspill: matches public buyers' needs with suppliers across languages, and says why."""

__version__ = "0.1.0"
