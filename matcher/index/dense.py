"""The dense index: FAISS in process."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.index.base import Mask


class FaissIndex:
    """Exact search over unit vectors, opened by memory map."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: NDArray[np.float32], dimension: int) -> FaissIndex:
        """Index vectors float32[n, dimension]."""
        index = faiss.IndexFlatIP(dimension)
        index.add(vectors.reshape(-1, dimension))
        return cls(index)

    @classmethod
    def open(cls, path: Path) -> FaissIndex:
        """Open what :meth:`save` wrote."""
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY))

    def save(self, path: Path) -> None:
        """Write the index to one file."""
        faiss.write_index(self._index, str(path))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest of the allowed vectors for each query (see the seam)."""
        parameters = None
        if allowed is not None:
            bitmap = np.packbits(allowed, bitorder="little")
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bitmap))
        k = max(1, min(k, len(self)))
        scores, positions = self._index.search(
            np.ascontiguousarray(queries, dtype=np.float32), k, params=parameters
        )
        return scores, positions

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return stored vectors: float32[len(positions), d]."""
        return np.asarray(
            self._index.reconstruct_batch(np.ascontiguousarray(positions, dtype=np.int64)),
            dtype=np.float32,
        )
