"""From a record to passages: its title and short runs of its sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from matcher.languages import LANGUAGES, UNKNOWN, same_language
from matcher.records import Need, Record, Text
from matcher.text.language import identify
from matcher.text.sentences import split_sentences

VERSION = 1
"""Of the text pipeline: an index made by another version is stale."""

_RUN_WORDS = 30
_LEAST_WORDS_TO_DOUBT = 8
_SURE = 0.9


@dataclass(frozen=True)
class Passage:
    """A title or a short run of sentences, and where it stands in its record.

    Attributes:
        text: What it says.
        lang: Its language, found out where the record does not say or a sentence differs.
        field: ``title``, ``body``, or ``part:ID`` for a lot's title and text.
        start: Offset of the first character in that field; ``end`` behind the last.
    """

    text: str
    lang: str
    field: str
    start: int
    end: int


def canonical_text(record: Record) -> Text:
    """Choose the text of a record that is indexed: the first in a supported language.

    A notice in 24 languages says the same 24 times; indexing one avoids counting it so often.
    """
    return next((t for t in record.texts if t.lang in LANGUAGES), record.texts[0])


def language_of(text: Text) -> str:
    """Return a text's language: the stated one if supported, else the identified one."""
    if text.lang in LANGUAGES:
        return text.lang
    return identify(f"{text.title}\n{text.body}") if text.lang == UNKNOWN else UNKNOWN


def passages(record: Record) -> list[Passage]:
    """Cut a record into passages.

    Suppliers give their body only (a name must not decide who is invited), needs their title,
    body and parts. A passage is a sentence, or several short ones in a row up to some thirty
    words: long enough to mean something, short enough to be shown as the reason.
    """
    text = canonical_text(record)
    lang = language_of(text)
    found: list[Passage] = []
    if isinstance(record, Need):
        found += _title(text.title, lang, "title")
    found += _runs(text.body, lang, "body")
    if isinstance(record, Need):
        for part in record.parts:
            found += _part_passages(part.texts, lang, part.id)
    else:
        found += _further_passages(record, text)
    seen: set[str] = set()
    # Lots repeat the notice's text word for word: what says the same is kept once.
    return [p for p in found if not (p.text in seen or seen.add(p.text))]  # type: ignore[func-returns-value]


def _part_passages(texts: tuple[Text, ...], lang: str, part_id: str) -> list[Passage]:
    if not texts:
        return []
    text = next((t for t in texts if t.lang == lang), texts[0])
    spoken = language_of(text)
    field = f"part:{part_id}"
    return [*_title(text.title, spoken, field), *_runs(text.body, spoken, field)]


def _further_passages(record: Record, first: Text) -> Iterator[Passage]:
    """What a supplier says beyond its first text: on its page, in brochures, in other feeds.

    Another language than the first's is taken only from pages and files, where it says something
    of its own; a register repeats the same in several.
    """
    for number, text in enumerate(record.texts):
        if text is not first and (text.source_url or text.lang == first.lang):
            yield from _runs(text.body, language_of(text), f"text:{number}")


def _title(title: str, lang: str, field: str) -> list[Passage]:
    return [Passage(title, lang, field, 0, len(title))] if title.strip() else []


def _runs(body: str, lang: str, field: str) -> Iterator[Passage]:
    pending: list[tuple[int, int]] = []
    count, pending_lang = 0, lang
    for start, end in split_sentences(body, lang):
        size = body.count(" ", start, end) + 1
        spoken = _sentence_language(body[start:end], size, lang)
        if pending and (count + size > _RUN_WORDS or spoken != pending_lang):
            yield _passage(body, pending, pending_lang, field)
            pending, count = [], 0
        pending.append((start, end))
        count, pending_lang = count + size, spoken
    if pending:
        yield _passage(body, pending, pending_lang, field)


def _passage(body: str, spans: list[tuple[int, int]], lang: str, field: str) -> Passage:
    start, end = spans[0][0], spans[-1][1]
    return Passage(" ".join(body[start:end].split()), lang, field, start, end)


def _sentence_language(sentence: str, size: int, lang: str) -> str:
    """The text's language, unless a whole sentence surely is in another."""
    if size < _LEAST_WORDS_TO_DOUBT:
        return lang
    found = identify(sentence, least=_SURE)
    return lang if found == UNKNOWN or same_language(found, lang) else found
