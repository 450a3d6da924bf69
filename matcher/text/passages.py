"""From a record to passages: its title and short runs of its sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from matcher.languages import LANGUAGES, UNKNOWN, same_language
from matcher.records import Need, Record, Text
from matcher.text.language import identify_many
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
    return _languages_of([text])[0]


def passages(record: Record) -> list[Passage]:
    """Cut a record into passages.

    Suppliers give their body only (a name must not decide who is invited), needs their title,
    body and parts. A passage is a sentence, or several short ones in a row up to some thirty
    words: long enough to mean something, short enough to be shown as the reason.
    """
    return cut([record])[0].passages


@dataclass(frozen=True)
class Cut:
    """A record's language and its passages."""

    lang: str
    passages: list[Passage]


def cut(records: Sequence[Record]) -> list[Cut]:
    """Cut many records into passages; faster together than one by one."""
    texts = [canonical_text(record) for record in records]
    languages = _languages_of(texts)
    bodies: list[_Body] = []
    fields: list[list[Passage | _Body]] = []
    for record, text, lang in zip(records, texts, languages, strict=True):
        fields.append(list(_fields(record, text, lang)))
        bodies += [f for f in fields[-1] if isinstance(f, _Body)]
    _find_foreign_sentences(bodies)
    return [
        Cut(lang, _once(chain.from_iterable(_passages_of(field) for field in found)))
        for lang, found in zip(languages, fields, strict=True)
    ]


@dataclass
class _Body:
    """A running text, its sentences as offsets, and the language of those in another one."""

    text: str
    lang: str
    field: str
    sentences: list[tuple[int, int]]
    sizes: list[int]
    foreign: dict[int, str]


def _fields(record: Record, text: Text, lang: str) -> Iterator[Passage | _Body]:
    if isinstance(record, Need):
        yield from _title(text.title, lang, "title")
    yield _body(text.body, lang, "body")
    if isinstance(record, Need):
        for part in record.parts:
            if part.texts:
                said = next((t for t in part.texts if t.lang == lang), part.texts[0])
                spoken = language_of(said)
                yield from _title(said.title, spoken, f"part:{part.id}")
                yield _body(said.body, spoken, f"part:{part.id}")
    else:
        yield from _further_bodies(record, text)


def _further_bodies(record: Record, first: Text) -> Iterator[_Body]:
    """What a supplier says beyond its first text: on its page, in brochures, in other feeds.

    Another language than the first's is taken only from pages and files, where it says something
    of its own; a register repeats the same in several.
    """
    for number, text in enumerate(record.texts):
        if text is not first and (text.source_url or text.lang == first.lang):
            yield _body(text.body, language_of(text), f"text:{number}")


def _title(title: str, lang: str, field: str) -> list[Passage]:
    return [Passage(title, lang, field, 0, len(title))] if title.strip() else []


def _body(text: str, lang: str, field: str) -> _Body:
    sentences = split_sentences(text, lang)
    sizes = [text.count(" ", start, end) + 1 for start, end in sentences]
    return _Body(text, lang, field, sentences, sizes, {})


def _find_foreign_sentences(bodies: Sequence[_Body]) -> None:
    """Note which sentences surely are in another language than their text."""
    asked = [
        (body, number)
        for body in bodies
        for number, size in enumerate(body.sizes)
        if size >= _LEAST_WORDS_TO_DOUBT
    ]
    found = identify_many([b.text[slice(*b.sentences[n])] for b, n in asked], least=_SURE)
    for (body, number), lang in zip(asked, found, strict=True):
        if lang != UNKNOWN and not same_language(lang, body.lang):
            body.foreign[number] = lang


def _passages_of(field: Passage | _Body) -> Iterator[Passage]:
    """Join short sentences in a row into runs."""
    if isinstance(field, Passage):
        yield field
        return
    pending: list[tuple[int, int]] = []
    count, pending_lang = 0, field.lang
    for number, (span, size) in enumerate(zip(field.sentences, field.sizes, strict=True)):
        spoken = field.foreign.get(number, field.lang)
        if pending and (count + size > _RUN_WORDS or spoken != pending_lang):
            yield _passage(field, pending, pending_lang)
            pending, count = [], 0
        pending.append(span)
        count, pending_lang = count + size, spoken
    if pending:
        yield _passage(field, pending, pending_lang)


def _passage(body: _Body, spans: list[tuple[int, int]], lang: str) -> Passage:
    start, end = spans[0][0], spans[-1][1]
    return Passage(" ".join(body.text[start:end].split()), lang, body.field, start, end)


def _once(found: Iterable[Passage]) -> list[Passage]:
    """Keep what says the same once: lots repeat the notice's text word for word."""
    by_text: dict[str, Passage] = {}
    for passage in found:
        by_text.setdefault(passage.text, passage)
    return list(by_text.values())


def _languages_of(texts: Sequence[Text]) -> list[str]:
    unknown = [n for n, text in enumerate(texts) if text.lang == UNKNOWN]
    found = identify_many([f"{texts[n].title}\n{texts[n].body}" for n in unknown])
    identified = dict(zip(unknown, found, strict=True))
    return [
        text.lang if text.lang in LANGUAGES else identified.get(n, UNKNOWN)
        for n, text in enumerate(texts)
    ]
