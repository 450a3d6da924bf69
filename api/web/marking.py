"""Marking of the words that met, in the text they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from matcher.text import fold

_WORD = re.compile(r"[^\W_]+")


def mark(text: str, words: Iterable[str]) -> Markup:
    """Wrap words of a text in ``<mark>``; everything else is escaped.

    Args:
        text: Any text.
        words: Folded words.
    """
    wanted = set(words)
    parts: list[Markup] = []
    end = 0
    for word in _WORD.finditer(text):
        if fold(word.group()) in wanted:
            parts += [escape(text[end : word.start()]), Markup("<mark>"), escape(word.group())]
            parts.append(Markup("</mark>"))
            end = word.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)
