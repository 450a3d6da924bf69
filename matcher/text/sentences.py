"""Sentence boundaries: spaCy's rule-based sentencizer with each language's abbreviations."""

from __future__ import annotations

import re
from functools import lru_cache

import spacy
from spacy.language import Language

from matcher.languages import LANGUAGES

_BREAK = re.compile(r"\n\s*\n|\n\s*[-*•–·]\s+|\r\n\s*\r\n")
_MAX_CHARACTERS = 20_000


@lru_cache(maxsize=len(LANGUAGES) + 1)
def _pipeline(lang: str) -> Language:
    pipeline = spacy.blank(lang if lang in LANGUAGES else "xx")
    pipeline.add_pipe("sentencizer")
    pipeline.max_length = _MAX_CHARACTERS + 1
    return pipeline


def split_sentences(text: str, lang: str) -> list[tuple[int, int]]:
    """Find the sentences of a text.

    Blank lines and list items end a sentence too, whatever their punctuation.

    Args:
        text: Any text.
        lang: Its language; decides which abbreviations end no sentence.

    Returns:
        Character offsets (start, end), trimmed, in order, without empty ones.
    """
    spans = []
    start = 0
    for stop, after in [*((m.start(), m.end()) for m in _BREAK.finditer(text)), (len(text),) * 2]:
        for low in range(start, stop, _MAX_CHARACTERS):
            high = min(low + _MAX_CHARACTERS, stop)
            doc = _pipeline(lang)(text[low:high])
            spans += [(low + s.start_char, low + s.end_char) for s in doc.sents]
        start = after
    return [trimmed for s, e in spans if (trimmed := _trim(text, s, e))]


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    end -= len(part) - len(part.rstrip())
    return (start, end) if start < end else None
