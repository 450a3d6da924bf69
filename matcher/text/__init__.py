"""Text: language, sentences, terms, and the passages of a record."""

from matcher.text.passages import VERSION, Cut, Passage, canonical_text, cut, language_of, passages
from matcher.text.terms import TermMaker, fold, stop_words, tokens, words

__all__ = [
    "VERSION",
    "Cut",
    "Passage",
    "TermMaker",
    "canonical_text",
    "cut",
    "fold",
    "language_of",
    "passages",
    "stop_words",
    "tokens",
    "words",
]
