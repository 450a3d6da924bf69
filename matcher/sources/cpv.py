"""The EU's CPV list with its names, out of the eForms SDK's label files.

One file a language (``code_da.xml``), Java properties as XML, keys ``code|name|cpv.03000000``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from matcher.codes import check_cpv
from matcher.languages import UNKNOWN, normalise_language
from matcher.sources.base import Refusal, find_files
from matcher.sources.documents import MAX_DOCUMENT, read_file
from matcher.store import Store
from matcher.store.names import save_cpv_names

_KEY = re.compile(r"code\|name\|cpv\.(\d{8})")
_LANGUAGE = re.compile(r"[_.-]([a-z]{2,3})\.xml$", re.IGNORECASE)


@dataclass
class Imported:
    """What an import of names did."""

    names: dict[str, int] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)


def import_cpv(store: Store, paths: list[Path], check: bool = False) -> Imported:
    """Read label files into the store; names already there are replaced.

    Args:
        store: Where the names go.
        paths: Files, or folders of them (the SDK's ``translations``).
        check: Read without writing.

    Raises:
        InputError: A path does not exist.
    """
    done = Imported()
    for path in find_files(paths, (".xml",)):
        lang = _language(path)
        try:
            names = dict(_names(read_file(path)))
        except (etree.XMLSyntaxError, OSError, EOFError, ValueError) as error:
            done.refused.append(Refusal(str(path), "", "", f"not readable: {error}"))
            continue
        if not names and not path.name.startswith("code"):
            continue  # the SDK's other label files stand in the same folder
        if not names:
            done.refused.append(Refusal(str(path), "", "", "it holds no names of CPV codes"))
        elif lang == UNKNOWN:
            reason = "the language is not told by the file's name, as in code_da.xml"
            done.refused.append(Refusal(str(path), "", "", reason))
        else:
            if not check:
                save_cpv_names(store, lang, names)
            done.names[lang] = len(names)
    return done


def _language(path: Path) -> str:
    match = _LANGUAGE.search(path.name)
    return normalise_language(match[1]) if match else UNKNOWN


def _names(data: bytes) -> Iterator[tuple[str, str]]:
    """Names by code. The files name Java's DTD, which is never loaded; entities are refused."""
    if b"<!ENTITY" in data[:MAX_DOCUMENT]:
        raise ValueError("an entity declaration is not accepted")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    for entry in etree.fromstring(data, parser).iter("entry"):
        match = _KEY.fullmatch(entry.get("key", ""))
        name = " ".join((entry.text or "").split())
        if match and name and check_cpv(match[1])[0]:
            yield match[1], name
