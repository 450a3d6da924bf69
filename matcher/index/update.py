"""From a generation and what changed since to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from matcher.embed import Encoder
from matcher.index.arrays import Strings, open_array
from matcher.index.facets import Facets, FacetsBuilder
from matcher.index.generation import Generation, SideInput
from matcher.index.part import Part, centre, prepare, text_hashes
from matcher.index.side import StoredSide
from matcher.languages import LANGUAGES, UNKNOWN
from matcher.records import Kind, Record
from matcher.text import TermMaker


def updated_side(
    earlier: Generation,
    kind: Kind,
    changed_ids: Sequence[str],
    records: Sequence[Record],
    encoder: Encoder,
    term_maker: TermMaker,
) -> SideInput:
    """Take over what is unchanged and prepare the rest.

    A record whose text is known, word for word, is not prepared again either: only what it is
    filtered by is taken anew.

    Args:
        earlier: The generation to start from, verified and made by the same encoder.
        kind: Which side.
        changed_ids: Of all records changed or deleted since it was made.
        records: Those of them that exist.
        encoder: Of passages.
        term_maker: Makes terms.
    """
    folder = earlier.folder / f"{kind}s"
    part = Part.open(folder)
    side = earlier.sides[kind]
    assert isinstance(side, StoredSide)
    gone = side.lookup.find(changed_ids)
    keep = np.ones(len(part), dtype=bool)
    keep[gone[gone >= 0]] = False
    rows = _rows_with_text(part, text_hashes(records))
    known = [r for r, row in zip(records, rows, strict=True) if row >= 0]
    new = [r for r, row in zip(records, rows, strict=True) if row < 0]
    fresh = centred(prepare(new, encoder, term_maker), open_array(folder, "centres"))
    return SideInput([part, _relabelled(part, rows[rows >= 0], known), fresh], folder, keep)


def centred(part: Part, centres: NDArray[np.float32]) -> Part:
    """Centre the vectors of a part as encoded."""
    vectors = centre(part.vectors, part.passage_languages, centres).astype(np.float16)
    return replace(part, vectors=vectors)


def _rows_with_text(part: Part, wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Find for each hash a row with that text, -1 where there is none."""
    if not len(part) or not len(wanted):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(part.text_hashes, kind="stable")
    places = np.searchsorted(part.text_hashes[order], wanted)
    rows = order[np.minimum(places, len(order) - 1)]
    return np.where(part.text_hashes[rows] == wanted, rows, -1)


def _relabelled(part: Part, rows: NDArray[np.int64], records: Sequence[Record]) -> Part:
    """Rows of a part under the ids and facets of other records that say the same."""
    builder = FacetsBuilder()
    names = (*LANGUAGES, UNKNOWN)
    for row, record in zip(rows, records, strict=True):
        builder.add(record, names[int(part.facets.languages[row])])
    facets: Facets = builder.build()
    return replace(part.take(rows), ids=Strings.of(r.id for r in records), facets=facets)
