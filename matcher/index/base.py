"""The seam behind which vector engines are exchanged."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class VectorIndex(Protocol):
    """Finds the vectors nearest to a query by inner product."""

    def __len__(self) -> int:
        """Return the number of vectors."""
        ...

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest of the allowed vectors for each query.

        Args:
            queries: float32[q, d] unit rows.
            k: Number wanted; fewer come only if fewer are allowed.
            allowed: bool[len(self)], all if not given.

        Returns:
            Scores float32[q, k], best first, and positions int64[q, k], -1 where there is none.
        """
        ...

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return stored vectors: float32[len(positions), d]."""
        ...
