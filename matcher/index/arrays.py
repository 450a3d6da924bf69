"""Arrays on disk that are opened by memory map; no pickle anywhere."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_array(folder: Path, name: str, array: NDArray[Any]) -> None:
    """Write one array as ``name.npy``."""
    np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def open_array(folder: Path, name: str) -> NDArray[Any]:
    """Open one array as a read-only memory map; an empty one is read."""
    path = folder / f"{name}.npy"
    array: NDArray[Any]
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        array = np.load(path, allow_pickle=False)
    return array


@dataclass(frozen=True)
class Strings(Sequence[str]):
    """Many strings as one block of UTF-8 and the offset of each, opened by memory map."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, strings: Iterable[str]) -> Strings:
        """Pack strings."""
        encoded = [s.encode("utf-8", "surrogatepass") for s in strings]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(e) for e in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)

    @classmethod
    def open(cls, folder: Path, name: str) -> Strings:
        """Open what :meth:`save` wrote."""
        return cls(open_array(folder, name), open_array(folder, f"{name}_offsets"))

    def save(self, folder: Path, name: str) -> None:
        """Write ``name.npy`` and ``name_offsets.npy``."""
        save_array(folder, name, self.data)
        save_array(folder, f"{name}_offsets", self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index = int(index) % len(self)
        block = self.data[int(self.offsets[index]) : int(self.offsets[index + 1])]
        return block.tobytes().decode("utf-8", "surrogatepass")

    def find(self, value: str) -> int | None:
        """Position of a string, None if it is not there. The strings must be in order."""
        place = bisect_left(self, value)
        return place if place < len(self) and self[place] == value else None


@dataclass(frozen=True)
class Ragged:
    """Rows of different length as one array: row ``i`` is ``values[starts[i]:starts[i + 1]]``."""

    values: NDArray[Any]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]], dtype: Any = np.int32) -> Ragged:
        """Pack rows."""
        listed = list(rows)
        starts = np.zeros(len(listed) + 1, dtype=np.int64)
        np.cumsum([len(r) for r in listed], out=starts[1:])
        values = np.fromiter((v for r in listed for v in r), dtype=dtype, count=int(starts[-1]))
        return cls(values, starts)

    @classmethod
    def open(cls, folder: Path, name: str) -> Ragged:
        """Open what :meth:`save` wrote."""
        return cls(open_array(folder, name), open_array(folder, f"{name}_starts"))

    def save(self, folder: Path, name: str) -> None:
        """Write ``name.npy`` and ``name_starts.npy``."""
        save_array(folder, name, self.values)
        save_array(folder, f"{name}_starts", self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """Return some rows, in the order asked for."""
        begin = self.starts[rows]
        length = self.starts[rows + 1] - begin
        starts = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(length, out=starts[1:])
        index = np.arange(starts[-1]) + np.repeat(begin - starts[:-1], length)
        return Ragged(np.asarray(self.values[index]), starts)
