"""From words to the terms of the lexical index: lemmas, compound parts, stems."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import spacy
import Stemmer
from simplemma import Lemmatizer
from simplemma.strategies import DefaultStrategy

from matcher.languages import LANGUAGES

_WORD = re.compile(r"\w+")

_STEMMERS = {
    "nb": "norwegian",
    "nn": "norwegian",
    "sv": "swedish",
    "da": "danish",
    "fi": "finnish",
    "en": "english",
    "de": "german",
}

# Letters that may join the parts of a compound. Finnish and Icelandic join inflected forms,
# which the dictionaries know as words.
_JOINTS = {
    "nb": ("", "s", "e"),
    "nn": ("", "s", "e"),
    "sv": ("", "s"),
    "da": ("", "s", "e"),
    "de": ("", "s", "es", "n", "en", "er"),
    "fi": ("",),
    "is": ("",),
}
# Beginnings of loan words that dictionaries list as words: "tran|s|port" is no compound.
_NO_HEADS = frozenset({"tran", "trans", "inter", "super", "kontra", "kontr", "proto", "para"})
# A word no longer than this that a dictionary knows is left whole: most splits of it are false.
_SHORT = 9
_LEAST_PART = 4
_LEAST_COMPOUND = 8
_MOST_PARTS = 4

# Nynorsk function words; spaCy has none for it. Its Bokmål list is used as well.
_NYNORSK_STOP = """
alle andre arbeid at av begge berre bli blir blei blitt bort bruke då deira dei deim den denne der
dersom desse det dette di din ditt du eg ein eitt ei eit eitkvart eller elles ein enn er et etter
for fordi fram frå før få føre gjer gjere gjerast god ha hadde han hans har hennar her hjå ho hoe
honom hoss hossen hva ikkje ikkjesom inn innan inkje ja kan kjem kom korleis korso kor kva kvar
kvarhelst kven kvi kvifor lage lang lik likevel like me medan meir mellom men mest mi min mitt mot
mykje må måte nede ned no noka noko nokon nokor nokre nå når og også om opp oss over på rett same
seg seinare si sia sidan sin sine sist sitt sjøl skal skulle slik so som somme somt start stille
så sånn te til tid um under ut ute vart varte ved vel verte vere vera vi vil ville vore vors vort
vår være vært å
"""


def fold(text: str) -> str:
    """Fold a text as the encoder does: NFKC, lower case."""
    return unicodedata.normalize("NFKC", text).lower()


def tokens(text: str) -> list[str]:
    """Return the runs of letters and digits of a text, folded, in order."""
    # Twice as fast as a class that leaves the underscore out.
    return _WORD.findall(fold(text).replace("_", " "))


def words(text: str) -> list[str]:
    """Return the words of a text, folded, in order; numbers are no words, "5g" is one."""
    return [token for token in tokens(text) if not token.isdecimal()]


@lru_cache(maxsize=len(LANGUAGES) + 1)
def stop_words(lang: str) -> frozenset[str]:
    """Return the function words of a language."""
    if lang == "nn":
        return frozenset(_NYNORSK_STOP.split()) | stop_words("nb")
    if lang not in LANGUAGES:
        return frozenset()
    return frozenset(fold(w) for w in spacy.blank(lang).Defaults.stop_words)


class TermMaker:
    """Turns words into index terms; remembers each word, because words repeat.

    Args:
        low_memory: Keep the dictionaries in their compact form (120 MB for all eight
            languages against 780, and some ten times slower on a word's first sight): right
            for a service; a job over many texts wants speed.
        remembered: Words remembered per language before the memory is cleared.
    """

    def __init__(self, low_memory: bool = True, remembered: int = 500_000) -> None:
        self._strategy = DefaultStrategy(low_memory=low_memory)
        self._lemmatizer = Lemmatizer(lemmatization_strategy=self._strategy)
        self._stemmers: dict[str, Callable[[str], str]] = {
            lang: Stemmer.Stemmer(name, 0).stemWord for lang, name in _STEMMERS.items()
        }
        self._remembered = remembered
        self._memory: dict[str, dict[str, tuple[str, ...]]] = {}

    def terms(self, word: str, lang: str) -> tuple[str, ...]:
        """Return the terms of a folded word: its lemma, then its parts' if it is a compound.

        A stop word gives none. A word in no dictionary gives its stem; a word of an unknown
        language itself.
        """
        memory = self._memory.setdefault(lang, {})
        found = memory.get(word)
        if found is None:
            if len(memory) >= self._remembered:
                memory.clear()
            found = memory[word] = self._make(word, lang)
        return found

    def text_terms(self, text: str, lang: str) -> list[str]:
        """Return the terms of all words of a text, in order."""
        return [term for word in words(text) for term in self.terms(word, lang)]

    def split_compound(self, word: str, lang: str) -> list[str]:
        """Split a compound into known words; the word alone if it is none.

        The split with the fewest parts wins, and among those the one whose shortest part is
        longest: short parts are what false splits are made of.
        """
        if lang not in _JOINTS or len(word) < _LEAST_COMPOUND:
            return [word]
        splits = self._splits(word, lang, _MOST_PARTS)
        if not splits:
            return [word]
        return min(splits, key=lambda parts: (len(parts), -min(map(len, parts))))

    def _make(self, word: str, lang: str) -> tuple[str, ...]:
        if len(word) < 2 or word in stop_words(lang):
            return ()
        if lang not in LANGUAGES:
            return (word,)
        lemma = self._lemma(word, lang)
        short = lemma is not None and len(lemma) <= _SHORT and self._known(lemma, lang)
        parts = [word] if short else self.split_compound(word, lang)
        if len(parts) == 1 and lemma is None:
            stem = self._stemmers[lang](word) if lang in self._stemmers else word
            return (stem,)
        terms = [lemma or word]
        if len(parts) > 1:
            # A compound's parts are mostly nouns, which German dictionaries capitalise.
            form = str.capitalize if lang == "de" else str
            terms += [self._lemma(form(part), lang) or part for part in parts]
        return tuple(dict.fromkeys(t for t in terms if t not in stop_words(lang)))

    def _lemma(self, word: str, lang: str) -> str | None:
        lemma = self._strategy.get_lemma(word, lang)
        return lemma.lower() if lemma else None

    def _known(self, word: str, lang: str) -> bool:
        return self._strategy.is_dictionary_member(word, lang) or (
            lang == "de" and self._strategy.is_dictionary_member(word.capitalize(), lang)
        )

    def _splits(self, word: str, lang: str, most: int) -> list[list[str]]:
        found = []
        for cut in range(_LEAST_PART, len(word) - _LEAST_PART + 1):
            head, tail = word[:cut], word[cut:]
            if not self._known(head, lang) or head in _NO_HEADS or head in stop_words(lang):
                continue
            for joint in _JOINTS[lang]:
                rest = tail.removeprefix(joint)
                if not tail.startswith(joint) or len(rest) < _LEAST_PART:
                    continue
                if self._known(rest, lang) and rest not in stop_words(lang):
                    found.append([head, rest])
                elif most > 2:
                    found += [[head, *more] for more in self._splits(rest, lang, most - 1)]
        return found
