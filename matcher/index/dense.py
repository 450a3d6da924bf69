"""The dense index: FAISS in process.

Few vectors are searched exactly. Many are found by an inverted file over product-quantised codes
that FAISS scans with SIMD tables (André et al. 2017), from which the best are scored again by
their own vectors, kept beside as float16: what comes back are exact scores. How many lists a
search opens is found out when the index is built, by comparing with exact search. Why this
structure, with the figures: docs/decisions/0004-structures-for-a-country.md.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from matcher.index.arrays import open_array, save_array, single
from matcher.index.base import Mask, Rows

FEW = 20_000
"""Vectors searched exactly: a scan over them takes some milliseconds."""
RECALL = 0.97
"""Recall@10 that the number of lists opened is chosen for."""
_EXACT_BELOW = 30_000
"""Allowed vectors below this are scored one and all instead of searched for."""
_REFINED = 2
_BLOCK = 65_536
# One pass over the vectors for all passages of a query, not one for each.
faiss.cvar.distance_compute_blas_threshold = 1
_TRAINED_PER_LIST = 40
_ROUNDS = 8
_TUNED_AT = 100


class FaissIndex:
    """Search over unit vectors that lie in a float16 array, opened by memory map.

    Args:
        rows: float16[n, d] unit rows.
        index: FAISS's part; none if there are no vectors.
    """

    def __init__(self, rows: Rows, index: Any) -> None:
        self._rows = rows
        self._index = index
        self._inverted = hasattr(index, "nprobe")

    @classmethod
    def open(cls, folder: Path) -> FaissIndex:
        """Open what :func:`build_dense` wrote."""
        flags = faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY
        index = faiss.read_index(str(folder / "dense.faiss"), flags)
        return cls(open_array(folder, "vectors"), index)

    def __len__(self) -> int:
        return len(self._rows)

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest of the allowed vectors for each query (see the seam)."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        count = len(self) if allowed is None else int(np.count_nonzero(allowed))
        k = max(1, min(k, len(self)))
        if allowed is not None and count <= _EXACT_BELOW:
            return best_of(queries, self._rows, np.flatnonzero(allowed), k)
        selector = None
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        if not self._inverted:
            parameters = faiss.SearchParameters(sel=selector)
            scores, positions = self._index.search(queries, k, params=parameters)
            return scores, positions
        return self._search_inverted(queries, min(k, count), count, selector)

    def _search_inverted(
        self, queries: NDArray[np.float32], k: int, count: int, selector: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        # Where only some are allowed, as many more lists hold as many of them.
        lists = int(self._index.nlist)
        probes = min(lists, -(-int(self._index.nprobe) * len(self) // max(count, 1)))
        wanted = min(_REFINED * k, count)
        while True:
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
            _, positions = self._index.search(queries, wanted, params=parameters)
            if probes >= lists or (positions >= 0).sum(axis=1).min() >= k:
                break
            probes = min(lists, 2 * probes)
        return self._refine(queries, positions, k)

    def _refine(
        self, queries: NDArray[np.float32], positions: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Score what was found by the vectors themselves and keep the best k."""
        scores = np.full(positions.shape, -np.inf, dtype=np.float32)
        for number, found in enumerate(positions):
            known = found >= 0
            scores[number, known] = self.vectors(found[known]) @ queries[number]
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(positions, order, 1)

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return stored vectors: float32[len(positions), d]."""
        return single(self._rows[positions])


def use_one_thread() -> None:
    """Let searches and products asked for by the calling thread use no thread besides it.

    Questions come side by side: when each takes all cores, their threads wait for one another.
    """
    # OpenMP keeps its number for each thread, OpenBLAS one for all.
    faiss.omp_set_num_threads(1)
    _limit_blas()


@cache
def _limit_blas() -> None:
    threadpool_limits(1, user_api="blas")


def best_of(
    queries: NDArray[np.float32], rows: Rows, among: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Search some rows exactly: scores and positions as the seam wants them."""
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    positions = np.full((len(queries), k), -1, dtype=np.int64)
    if not len(among):
        return scores, positions
    found = queries @ single(rows[among]).T
    best = np.argsort(-found, axis=1, kind="stable")[:, :k]
    width = best.shape[1]
    scores[:, :width] = np.take_along_axis(found, best, 1)
    positions[:, :width] = among[best]
    return scores, positions


def exact_search(
    queries: NDArray[np.float32], rows: NDArray[np.float16], k: int
) -> NDArray[np.int64]:
    """Find the k nearest of many rows for each query by a scan, a block at a time."""
    found = faiss.ResultHeap(len(queries), k, keep_max=True)
    for start in range(0, len(rows), _BLOCK):
        block = single(rows[start : start + _BLOCK])
        nearest = faiss.knn(queries, block, min(k, len(block)), faiss.METRIC_INNER_PRODUCT)
        found.add_result(nearest[0], nearest[1] + start)
    found.finalize()
    return np.asarray(found.I)


# -- building


def build_dense(folder: Path, probes: NDArray[np.float32], earlier: Path | None = None) -> float:
    """Index the rows of ``vectors.npy`` in a folder.

    Args:
        folder: Gets ``dense.faiss``; for many rows also their codes, ``dense_codes.npy``, and the
            quantisers that made them, ``dense_trained.faiss``. If the codes are there already,
            they were made by the quantisers of the earlier index.
        probes: float32[q, d], queries to tune and check the search by.
        earlier: Folder of the index whose quantisers made the codes.

    Returns:
        Recall@10 of the probes against exact search.
    """
    rows = open_array(folder, "vectors")
    if len(rows) <= FEW:
        index = faiss.IndexFlatIP(rows.shape[1])
        for start in range(0, len(rows), _BLOCK):
            index.add(single(rows[start : start + _BLOCK]))
        faiss.write_index(index, str(folder / "dense.faiss"))
        return 1.0
    if earlier is None:
        trained = _train(rows)
        save_array(folder, "dense_codes", encode(trained, rows))
    else:
        trained = faiss.read_index(str(earlier / "dense_trained.faiss"))
    index = _fill(trained, open_array(folder, "dense_codes"))
    trained.reset()
    nearest = exact_search(probes, rows, 10)
    recall = _tune(FaissIndex(rows, index), probes, nearest, tune=earlier is None)
    trained.nprobe = index.nprobe
    faiss.write_index(trained, str(folder / "dense_trained.faiss"))
    faiss.write_index(index, str(folder / "dense.faiss"))
    return recall


def trained_quantisers(folder: Path) -> Any:
    """Return the quantisers of an index of many vectors, None if it has none."""
    path = folder / "dense_trained.faiss"
    return faiss.read_index(str(path)) if path.exists() else None


def encode(trained: Any, rows: NDArray[np.float16]) -> NDArray[np.uint8]:
    """Return the codes of rows: the list each belongs to, then its place in it."""
    size = trained.sa_code_size()
    codes = np.empty((len(rows), size), dtype=np.uint8)
    for start in range(0, len(rows), _BLOCK):
        block = single(rows[start : start + _BLOCK])
        codes[start : start + len(block)] = trained.sa_encode(block)
    return codes


def _train(rows: NDArray[np.float16]) -> Any:
    """Train the quantisers on a sample of the rows."""
    dimension = rows.shape[1]
    lists = 1 << int(np.log2(2 * np.sqrt(len(rows))))
    random = np.random.default_rng(0)
    drawn = np.sort(random.permutation(len(rows))[: _TRAINED_PER_LIST * lists])
    sample = rows[drawn].astype(np.float32)
    means = faiss.Kmeans(dimension, lists, niter=_ROUNDS, spherical=True, seed=1)
    means.train(sample)
    coarse = faiss.IndexFlatIP(dimension)
    coarse.add(means.centroids)
    metric = faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFPQ(coarse, dimension, lists, dimension // 2, 4, metric)
    index.pq.cp.niter = _ROUNDS
    threads = faiss.omp_get_max_threads()
    # The sub-quantisers are so small that threads spend their time waiting for each other.
    faiss.omp_set_num_threads(1)
    try:
        index.train(sample)
    finally:
        faiss.omp_set_num_threads(threads)
    return index


def _fill(trained: Any, codes: NDArray[np.uint8]) -> Any:
    """Put codes into their lists and pack them for the scan."""
    width = trained.coarse_code_size()
    lists = np.zeros(len(codes), dtype=np.int64)
    for place in range(width):
        lists |= codes[:, place].astype(np.int64) << (8 * place)
    order = np.argsort(lists, kind="stable")
    begins = np.searchsorted(lists[order], np.arange(trained.nlist + 1))
    for number in range(trained.nlist):
        ids = order[begins[number] : begins[number + 1]]
        if len(ids):
            own = np.ascontiguousarray(codes[ids, width:])
            pointers = faiss.swig_ptr(np.ascontiguousarray(ids)), faiss.swig_ptr(own)
            trained.invlists.add_entries(number, len(ids), *pointers)
    trained.ntotal = len(codes)
    packed = faiss.IndexIVFPQFastScan(trained)
    packed.nprobe = trained.nprobe
    return packed


def _tune(
    index: FaissIndex, probes: NDArray[np.float32], nearest: NDArray[np.int64], tune: bool
) -> float:
    """Open ever more lists until the recall is reached; return the recall."""
    lists = int(index._index.nlist)
    if tune:
        index._index.nprobe = max(1, lists // 64)
    while True:
        _, found = index.search(probes, _TUNED_AT)
        hits = [len(np.intersect1d(a, b)) for a, b in zip(found, nearest, strict=True)]
        recall = float(np.mean(hits)) / nearest.shape[1] if hits else 1.0
        if not tune or recall >= RECALL or index._index.nprobe >= lists:
            return recall
        index._index.nprobe = min(lists, int(index._index.nprobe) * 3 // 2 + 1)
