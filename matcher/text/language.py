"""Which language a text is written in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from matcher.languages import LANGUAGES, UNKNOWN

# The identifier's name for Bokmål is that of the macrolanguage.
_TO_IDENTIFIER = {"nb": "no"}
_FROM_IDENTIFIER = {"no": "nb"}
_NORWEGIAN = {"no", "nn"}
_ENOUGH = 400
"""Characters looked at: more change nothing."""
_FEW = 48
"""Fewer texts than this are faster one by one."""
_BLOCK = 4096


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([_TO_IDENTIFIER.get(lang, lang) for lang in LANGUAGES])
    return identifier


def identify(text: str, least: float = 0.4) -> str:
    """Identify the language of a text among the supported ones.

    Args:
        text: Any text; its first characters decide.
        least: Least confidence for an answer. A text without words is evenly likely in all
            eight languages (0.125); short phrases land around 0.4.

    Returns:
        ISO 639-1 code, or ``und`` if unsure.
    """
    return _decide(dict(_identifier().rank(text[:_ENOUGH])), least)


def identify_many(texts: Sequence[str], least: float = 0.4) -> list[str]:
    """Identify the languages of many texts: as :func:`identify` does, four times as fast.

    The identifier walks an automaton over the bytes of a text; here it walks over all texts at
    once, a byte of each at a time.
    """
    if len(texts) < _FEW:
        return [identify(text, least) for text in texts]
    found: list[str] = [UNKNOWN] * len(texts)
    identifier = _identifier()
    encoded = [identifier._encode(text[:_ENOUGH]) for text in texts]
    # Texts of like length side by side: a block is as long as its longest.
    order = sorted(range(len(texts)), key=lambda n: len(encoded[n]))
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        rows = _probabilities(identifier, [encoded[n] for n in block])
        for n, row in zip(block, rows.tolist(), strict=True):
            found[n] = _decide(dict(zip(identifier.nb_classes, row, strict=True)), least)
    return found


def _decide(confidences: dict[str, float], least: float) -> str:
    language = max(confidences, key=lambda code: confidences[code])
    confidence = confidences[language]
    if language in _NORWEGIAN:
        # Between the two written forms of Norwegian the likelier is taken; being unsure which
        # of them is no reason to doubt that it is Norwegian.
        confidence = sum(c for code, c in confidences.items() if code in _NORWEGIAN)
    return _FROM_IDENTIFIER.get(language, language) if confidence >= least else UNKNOWN


@lru_cache(maxsize=1)
def _automaton() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    identifier = _identifier()
    moves = np.asarray(identifier.tk_nextmove)
    rows = np.asarray(identifier._rowbase, dtype=np.int64)
    return moves, rows, np.asarray(identifier.tk_output, dtype=np.int64)


def _probabilities(identifier: LanguageIdentifier, texts: Sequence[bytes]) -> NDArray[np.float32]:
    """Work out what ``LanguageIdentifier._decide`` does for each text, in the same way."""
    moves, bases, outputs = _automaton()
    lengths = np.array([len(t) for t in texts])
    longest = int(lengths.max(initial=0))
    letters = np.zeros((longest, len(texts)), dtype=np.uint8)
    for column, text in enumerate(texts):
        letters[: len(text), column] = np.frombuffer(text, dtype=np.uint8)
    state = np.zeros(len(texts), dtype=np.int64)
    hits: list[NDArray[np.int64]] = []
    features = len(identifier.nb_ptc)
    first = 0  # Texts are in order of length: those before this one have ended.
    for place in range(longest):
        first += int(np.searchsorted(lengths[first:], place, side="right"))
        state[first:] = moves[bases[state[first:]] + letters[place, first:]]
        feature = outputs[state[first:]]
        seen = np.flatnonzero(feature >= 0)
        hits.append((first + seen) * features + feature[seen])
    keys, counts = np.unique(np.concatenate(hits or [lengths[:0]]), return_counts=True)
    owners, numbers = np.divmod(keys, features)
    values = np.log1p(counts.astype(np.float32))[:, None] * identifier.nb_ptc[numbers]
    scores = np.zeros((len(texts), len(identifier.nb_classes)), dtype=np.float32)
    known, begins = np.unique(owners, return_index=True)
    if len(known):
        scores[known] = np.add.reduceat(values, begins, axis=0) + identifier.nb_pc
    scores /= np.sqrt(np.maximum(lengths, 1))[:, None].astype(np.float32)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), dtype=np.float32)
