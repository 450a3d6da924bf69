"""Values out of JSON that may have another type than documented."""

from __future__ import annotations

import re
from typing import Any

from matcher.codes import check_cpv
from matcher.languages import LANGUAGES
from matcher.records import Text
from matcher.sources.base import Remark
from matcher.sources.rows import MAX_TEXT
from matcher.sources.xml import country_of, language_of, number_of

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\ufeff\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Strip a text and remove control characters, zero-width spaces and lone surrogates."""
    return _CONTROL.sub("", text).strip()


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, nothing as an empty one, anything else as its only member."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def as_dict(value: Any) -> dict[str, Any]:
    """Return an object as it is; of a list of objects the first; else an empty one."""
    if isinstance(value, list):
        value = next((v for v in value if isinstance(v, dict)), None)
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, or a single object as a list."""
    return [v for v in as_list(value) if isinstance(v, dict)]


def at(value: Any, *path: str) -> Any:
    """Follow keys through objects; None where one is missing or is no object."""
    for key in path:
        value = as_dict(value).get(key)
    return value


def text_of(value: Any, separator: str = " ") -> str:
    """Return a text, the texts of a list joined, a number as written; empty for anything else."""
    if isinstance(value, str):
        return clean_text(value)[:MAX_TEXT]
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        parts = (text_of(v) for v in value if not isinstance(v, list | dict))
        return separator.join(filter(None, parts))[:MAX_TEXT]
    return ""


def text_at(value: Any, *path: str) -> str:
    """Return the text at a path, empty if there is none."""
    return text_of(at(value, *path))


def number_at(value: Any, *path: str) -> float | None:
    """Return the number at a path, written as a number or a text."""
    return number_of(text_at(value, *path))


def languages_of(value: Any, default: str) -> dict[str, str]:
    """Return a multilingual value as language -> text.

    Takes ``{"nob": "a"}``, ``{"nob": ["a", "b"]}``, and a plain text or list in ``default``.
    """
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for code, given in value.items():
            text = text_of(given, "\n")
            lang = language_of(str(code))
            if text:
                found[lang] = f"{found[lang]}\n{text}" if lang in found else text
        return found
    text = text_of(value, "\n")
    return {default: text} if text else {}


def make_texts(titles: dict[str, str], bodies: dict[str, str], first: str = "") -> tuple[Text, ...]:
    """Join titles and descriptions by language.

    The first text is the one in the language ``first``, else in one of ours, else any.
    """

    def rank(lang: str) -> tuple[bool, bool]:
        return lang != first, lang not in LANGUAGES

    languages = sorted(dict.fromkeys([*titles, *bodies]), key=rank)
    return tuple(
        Text(lang=lang, title=titles.get(lang, ""), body=bodies.get(lang, "")) for lang in languages
    )


def cpv_of(
    codes: list[Any], file: str, record: str, field: str, remarks: list[Remark]
) -> tuple[str, ...]:
    """Return CPV codes normalised, each once; what is none is remarked on."""
    found = []
    for code in codes:
        if text := text_of(code):
            plain, remark = check_cpv(text)
            found += [plain] if plain else []
            if remark:
                remarks.append(Remark(file, record, field, remark))
    return tuple(dict.fromkeys(found))


def country_at(value: Any, *path: str) -> str:
    """Return the country at a path, empty for what is none."""
    return country_of(text_at(value, *path))
