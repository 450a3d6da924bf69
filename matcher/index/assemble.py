"""From prepared parts to the folder of a side.

A full build hands over its shards as encoded. An update hands over the side of the serving
generation and what was prepared anew: centres and quantisers stay as they are, so that of the
old rows nothing is worked out again, only put in their new places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.embed import StaticEncoder
from matcher.index.arrays import Chain, Lookup, Ragged, Strings, open_array, places, save_array
from matcher.index.dense import FEW, build_dense, encode, trained_quantisers
from matcher.index.facets import UNKNOWN_LANGUAGE, Facets
from matcher.index.lexical import LexicalIndex
from matcher.index.part import Part, centre
from matcher.languages import LANGUAGES

_CENTRE_SHRINKAGE = 20
_BACKGROUND = 60
"""Records of each language that are drawn to calibrate by."""
_SMALL_SIDE = 2000
_SMALL_BACKGROUND = 200
"""A side up to this size is ranked whole anyway: a larger background costs nothing there."""
_BLOCK = 65_536
_PROBES = 100


@dataclass(frozen=True)
class Built:
    """What became of a side.

    Attributes:
        counts: For the manifest: records, passages, terms.
        recall: Recall@10 of the dense search against exact search.
        probes: float32[n, d], some of its passages, to try the other side's search with.
    """

    counts: dict[str, int]
    recall: float
    probes: NDArray[np.float32]


def assemble(
    folder: Path,
    parts: Sequence[Part],
    word_encoder: StaticEncoder,
    probes: NDArray[np.float32] | None = None,
    earlier: Path | None = None,
    keep: NDArray[np.bool_] | None = None,
) -> Built:
    """Write a side.

    Args:
        folder: Made; holds nothing else.
        parts: The records, in any order. In an update the first is the earlier side and the
            others are centred as it is; in a full build all are as encoded.
        word_encoder: Of single terms.
        probes: Vectors to tune and check the dense search by; some of its own if not given.
        earlier: Folder of the earlier side, in an update.
        keep: In an update, which rows of the earlier side are still true.
    """
    folder.mkdir(parents=True)
    order = _save_ids(folder, parts, keep)
    facets = Facets.chain([p.facets for p in parts]).take(order)
    facets.save(folder)
    save_array(folder, "text_hashes", np.concatenate([p.text_hashes for p in parts])[order])
    vocabulary = _save_terms(folder, parts, order, facets.languages)
    _save_term_vectors(folder, vocabulary, word_encoder, earlier)
    save_array(folder, "background", _background(facets.languages))
    passages = _save_vectors(folder, parts, order, earlier)
    rows = open_array(folder, "vectors")
    random = np.random.default_rng(1)
    own = rows[np.sort(random.permutation(len(rows))[:_PROBES])].astype(np.float32)
    asked = own if probes is None or len(probes) < _PROBES // 2 else probes
    codes_taken_over = (folder / "dense_codes.npy").exists()
    recall = build_dense(folder, asked, earlier if codes_taken_over else None)
    counts = {"records": len(order), "passages": passages, "terms": len(vocabulary)}
    return Built(counts, round(recall, 4), own)


def _save_ids(
    folder: Path, parts: Sequence[Part], keep: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Save the ids in their order and return it, as rows of the parts behind one another."""
    ids = Strings.chain([p.ids for p in parts])
    rows = np.arange(len(ids))
    if keep is not None:
        rows = np.concatenate([np.flatnonzero(keep), rows[len(keep) :]])
    encoded = ids.take(rows).encoded()
    ranks = sorted(range(len(encoded)), key=encoded.__getitem__)
    order = rows[np.array(ranks, dtype=np.int64)]
    Lookup.of(ids.take(order)).save(folder, "ids")
    return order


def _save_terms(
    folder: Path, parts: Sequence[Part], order: NDArray[np.int64], languages: NDArray[np.uint8]
) -> Lookup:
    numbers: dict[str, int] = {}
    rows = []
    for part in parts:
        mapped = [numbers.setdefault(term, len(numbers)) for term in part.vocabulary[:]]
        renumbered = np.array(mapped, dtype=np.int32)[part.record_terms.values]
        rows.append(Ragged(renumbered, part.record_terms.starts))
    chained = Ragged.chain(rows)
    del rows
    found, starts = places(chained.starts, order)
    terms = Ragged(chained.values[found], starts)
    counts = np.concatenate([p.term_counts for p in parts])[found]
    del chained, found
    vocabulary = Lookup.of(Strings.of(numbers))
    vocabulary.save(folder, "vocabulary")
    terms.save(folder, "record_terms")
    save_array(folder, "term_counts", counts)
    LexicalIndex.build(terms, counts, len(numbers)).save(folder)
    owners = np.repeat(languages, np.diff(terms.starts)).astype(np.int64)
    owners *= len(numbers)
    owners += terms.values
    size = (UNKNOWN_LANGUAGE + 1, len(numbers))
    frequencies = np.bincount(owners, minlength=size[0] * size[1]).reshape(size).astype(np.int32)
    save_array(folder, "frequencies", frequencies)
    save_array(folder, "term_frequency", frequencies.max(axis=0))
    save_array(folder, "term_language", frequencies.argmax(axis=0).astype(np.uint8))
    return vocabulary


def _save_term_vectors(
    folder: Path, vocabulary: Lookup, word_encoder: StaticEncoder, earlier: Path | None
) -> None:
    # An update numbers the earlier terms as they were and the new ones behind them.
    known = open_array(earlier, "term_vectors") if earlier else None
    first = 0 if known is None else len(known)
    new = word_encoder.encode_words(vocabulary.strings[first:]).astype(np.float16)
    save_array(folder, "term_vectors", new if known is None else np.concatenate([known, new]))


def _save_vectors(
    folder: Path, parts: Sequence[Part], order: NDArray[np.int64], earlier: Path | None
) -> int:
    """Write the passages in the order of their records; return how many there are."""
    lengths = np.concatenate([np.diff(p.passage_starts) for p in parts])
    before = np.concatenate([[0], np.cumsum(lengths)])
    found, starts = places(before, order)
    languages = np.concatenate([p.passage_languages for p in parts])[found]
    save_array(folder, "passage_starts", starts)
    save_array(folder, "passage_languages", languages)
    centres, weights = _centres(parts) if earlier is None else _earlier_centres(earlier)
    save_array(folder, "centres", centres)
    save_array(folder, "centre_weights", weights)
    source = Chain([p.vectors for p in parts])
    written = np.lib.format.open_memmap(
        folder / "vectors.npy", "w+", np.float16, (len(found), centres.shape[1])
    ) if len(found) else None  # fmt: skip
    for start in range(0, len(found), _BLOCK):
        block = source[found[start : start + _BLOCK]]
        if earlier is None:
            block = centre(block, languages[start : start + _BLOCK], centres).astype(np.float16)
        assert written is not None
        written[start : start + _BLOCK] = block
    if written is None:
        save_array(folder, "vectors", np.zeros((0, centres.shape[1]), dtype=np.float16))
    else:
        written.flush()
    trained = trained_quantisers(earlier) if earlier else None
    if earlier is not None and trained is not None and len(found) > FEW:
        new = [encode(trained, p.vectors) for p in parts[1:]]
        codes = Chain([open_array(earlier, "dense_codes"), *new])
        save_array(folder, "dense_codes", codes[found])
    return len(found)


def _centres(parts: Sequence[Part]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean vector of each language; a language with few passages is drawn towards none."""
    dimension = parts[0].vectors.shape[1]
    total = np.zeros((UNKNOWN_LANGUAGE + 1, dimension))
    count = np.zeros(UNKNOWN_LANGUAGE + 1, dtype=np.float32)
    for part in parts:
        vectors = part.vectors.astype(np.float32)
        for lang in range(len(LANGUAGES)):
            total[lang] += vectors[part.passage_languages == lang].sum(axis=0)
        count += np.bincount(part.passage_languages, minlength=UNKNOWN_LANGUAGE + 1)
    centres = total / (count + _CENTRE_SHRINKAGE)[:, None]
    return centres.astype(np.float32), count


def _earlier_centres(earlier: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    return open_array(earlier, "centres"), open_array(earlier, "centre_weights")


def _background(languages: NDArray[np.uint8]) -> NDArray[np.int64]:
    random = np.random.default_rng(0)
    most = _SMALL_BACKGROUND if len(languages) <= _SMALL_SIDE else _BACKGROUND
    drawn = [
        random.permutation(np.flatnonzero(languages == lang))[:most]
        for lang in range(UNKNOWN_LANGUAGE + 1)
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)
