"""Text: language, sentences, terms, and the passages of a record."""

from matcher.text.passages import VERSION, Passage, canonical_text, language_of, passages
from matcher.text.terms import TermMaker, fold, stop_words, tokens, words

__all__ = [
    "VERSION",
    "Passage",
    "TermMaker",
    "canonical_text",
    "fold",
    "language_of",
    "passages",
    "stop_words",
    "tokens",
    "words",
]
