"""Make further parallel files for training from free dictionaries and tools on this machine.

    apt-get install apertium-nno-nob dict-freedict-{eng,fin,swe,deu}-...
    python scripts/prepare_corpora.py --corpora ~/corpora --output build/corpora

Writes ``key, lang, text`` files: ``freedict`` (WikDict dictionaries with their definitions),
``nynorsk`` (bokmål texts of the other corpora, translated by Apertium), ``inflections``
(wordnet meanings in inflected forms) and ``names`` (countries, languages, currencies, months from
CLDR). What is not installed is left out, with a word.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from babel import Locale
from simplemma.strategies.dictionaries import DefaultDictionaryFactory

from matcher.languages import LANGUAGES

DICTD = Path("/usr/share/dictd")
# Only dictionaries made from Wiktionary (CC BY-SA 3.0): source -> targets.
WIKDICT = {
    "fin": ("eng", "swe", "nor", "deu"),
    "swe": ("nor", "fin", "deu"),
    "eng": ("fin", "nor"),
    "deu": ("swe", "fin"),
}
CODES = {"fin": "fi", "swe": "sv", "nor": "nb", "eng": "en", "deu": "de"}
Row = tuple[str, str, str]


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpora", type=Path, required=True, help="folder of parallel files")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of files to make")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    makers = {
        "freedict": freedict,
        "names": names,
        "inflections": lambda: inflections([arguments.corpora, arguments.output]),
        "nynorsk": lambda: nynorsk([arguments.corpora, arguments.output]),
    }
    for name, make in makers.items():
        if arguments.only is None or name in arguments.only:
            count = write(arguments.output / f"{name}.tsv.gz", make())
            print(f"{name}: {count} texts", flush=True)


def write(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as key, lang, text; return their number."""
    count = 0
    with gzip.open(path, "wt", encoding="utf-8", newline="") as out:
        out.write("key\tlang\ttext\n")
        for key, lang, text in rows:
            clean = " ".join(text.split())
            if clean:
                out.write(f"{key}\t{lang}\t{clean}\n")
                count += 1
    return count


# -- dictionaries


def freedict() -> Iterator[Row]:
    """Entries of the WikDict dictionaries; senses that share a definition become one meaning."""
    for source, targets in WIKDICT.items():
        meanings: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for target in targets:
            path = DICTD / f"freedict-{source}-{target}.dict.dz"
            if not path.exists():
                print(f"{path}: not installed, left out")
                continue
            for head, words, definition in _senses(path):
                for word in words:
                    meanings[head, definition].append((CODES[target], word))
        for number, ((head, definition), translations) in enumerate(meanings.items()):
            key = f"{source}:{number}"
            yield key, CODES[source], head
            for lang, word in dict.fromkeys(translations):
                yield key, lang, word
            if len(definition.split()) > 2:
                yield key, CODES[source], definition


def _senses(path: Path) -> Iterator[tuple[str, list[str], str]]:
    """Headword, translations and definition of each sense of a dictd file."""
    with gzip.open(path, "rb") as stream:
        data = stream.read()
    index = path.with_name(path.name.replace(".dict.dz", ".index"))
    seen = set()
    for line in index.read_text(encoding="utf-8").splitlines():
        _, offset, length = line.rsplit("\t", 2)
        if line.startswith("00") or offset in seen:
            continue
        seen.add(offset)
        start = _number(offset)
        entry = data[start : start + _number(length)].decode("utf-8", "replace")
        lines = [x.strip() for x in entry.splitlines() if x.strip()]
        if len(lines) < 2:
            continue
        head = re.sub(r"\s*(/.*/|<.*>)\s*", " ", lines[0]).strip()
        for at in range(1, len(lines)):
            numbered = re.match(r"\d+\.\s+(\S.*)", lines[at])
            if at == 1 or numbered:
                text = numbered[1] if numbered else lines[at]
                text = re.sub(r"\s*\d+\.$", "", text)
                words = [w.strip() for w in text.split(",") if w.strip()]
                after = lines[at + 1] if at + 1 < len(lines) else ""
                definition = "" if re.match(r"\d+\.", after) else after
                yield head, words[:4], definition


def _number(text: str) -> int:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for letter in text:
        value = value * 64 + digits.index(letter)
    return value


def names() -> Iterator[Row]:
    """Names of countries, languages, currencies, months and weekdays."""
    locales = {lang: Locale.parse(lang) for lang in LANGUAGES}
    for part in ("territories", "languages", "currencies"):
        for key in getattr(locales["en"], part):
            for lang, locale in locales.items():
                found = getattr(locale, part).get(key)
                if isinstance(found, str):
                    yield f"{part}:{key}", lang, found
    for part in ("months", "days"):
        for lang, locale in locales.items():
            for key, found in getattr(locale, part)["format"]["wide"].items():
                yield f"{part}:{key}", lang, found


# -- inflected forms


def inflections(folders: list[Path]) -> Iterator[Row]:
    """Meanings of single words once more, each word in a form it is found in."""
    generator = random.Random(1)
    forms = {lang: _forms(lang) for lang in LANGUAGES}
    for name in ("wordnets.tsv.gz", "freedict.tsv.gz", "osm-tagging.tsv.gz"):
        path = next((f / name for f in folders if (f / name).exists()), None)
        if path is None:
            continue
        for key, pairs in _meanings(path):
            changed = []
            for lang, text in pairs:
                known = forms[lang].get(text.lower())
                if known:
                    changed.append((lang, generator.choice(known)))
                elif " " not in text:
                    changed.append((lang, text))
            if len(changed) > 1:
                for lang, text in changed:
                    yield f"{name[:4]}:{key}", lang, text


def _forms(lang: str) -> dict[str, list[str]]:
    dictionary = DefaultDictionaryFactory().get_dictionary(lang)
    forms: dict[str, list[str]] = defaultdict(list)
    for form, lemma in dictionary.items():
        if form != lemma and len(forms[lemma.lower()]) < 12:
            forms[lemma.lower()].append(form)
    return forms


def _meanings(path: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    grouped: dict[str, list[tuple[str, str]]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if len(row) == 3 and row[1] in LANGUAGES:
                grouped.setdefault(row[0], []).append((row[1], row[2]))
    yield from grouped.items()


# -- nynorsk


NYNORSK_FROM = (
    *("wordnets", "cpv-train", "eforms-labels", "espd", "osm-tagging", "freedict"),
    *("docs-business-central", "docs-operations-2018", "docs-operations-2023"),
)
SENTENCES = 90_000
"""Sentences of the documentation that are translated; all short texts are."""


def nynorsk(folders: list[Path]) -> Iterator[Row]:
    """Bokmål texts in nynorsk by Apertium, with the other languages' texts of their meaning."""
    if shutil.which("apertium") is None:
        print("apertium: not installed, left out")
        return
    generator = random.Random(2)
    short: list[tuple[str, list[tuple[str, str]]]] = []
    long: list[tuple[str, list[tuple[str, str]]]] = []
    for name in NYNORSK_FROM:
        paths = [folder / f"{name}.tsv.gz" for folder in folders]
        path = next((p for p in paths if p.exists()), None)
        for key, pairs in _meanings(path) if path else ():
            languages = {lang for lang, _ in pairs}
            if "nb" in languages and "nn" not in languages:
                (long if name.startswith("docs") else short).append((f"{name[:9]}:{key}", pairs))
    generator.shuffle(long)
    chosen = short + long[:SENTENCES]
    bokmal = [next(t for lang, t in pairs if lang == "nb") for _, pairs in chosen]
    for (key, pairs), text in zip(chosen, _translate(bokmal), strict=True):
        if not text:
            continue
        yield key, "nn", text
        for lang, other in generator.sample(pairs, min(3, len(pairs))):
            yield key, lang, other


def _translate(texts: list[str]) -> list[str]:
    """Translate line by line; a line whose number got lost comes back empty."""
    step = 2000
    parts = [texts[i : i + step] for i in range(0, len(texts), step)]
    with ThreadPoolExecutor(2) as pool:
        return [line for part in pool.map(_translate_part, parts) for line in part]


def _translate_part(texts: list[str]) -> list[str]:
    clean = [re.sub(r"[\[\]{}^$\\/<>@]", " ", t) for t in texts]
    lines = "\n".join(f"[#{n}#]{t} [.]" for n, t in enumerate(clean))
    done = subprocess.run(
        ["apertium", "-u", "nob-nno"], input=lines, capture_output=True, text=True, check=True
    ).stdout
    found = dict(re.findall(r"\[#(\d+)#\](.*?) \[\.\]", done, flags=re.DOTALL))
    return [found.get(str(n), "") for n in range(len(texts))]


if __name__ == "__main__":
    main()
