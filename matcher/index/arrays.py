"""Arrays on disk that are opened by memory map; no pickle anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
        # A plain array over the map: indexing a memmap object costs more.
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:
        array = np.load(path, allow_pickle=False)
    return array


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

    @classmethod
    def chain(cls, parts: Sequence[Ragged]) -> Ragged:
        """Put the rows of several one behind the other."""
        ends = np.cumsum([len(p.values) for p in parts])
        starts = [p.starts[1:] + (end - len(p.values)) for p, end in zip(parts, ends, strict=True)]
        return cls(
            np.concatenate([p.values for p in parts]),
            np.concatenate([np.zeros(1, dtype=np.int64), *starts]),
        )

    def save(self, folder: Path, name: str) -> None:
        """Write ``name.npy`` and ``name_starts.npy``."""
        save_array(folder, name, self.values)
        save_array(folder, f"{name}_starts", self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """Return some rows, in the order asked for."""
        index, starts = places(self.starts, rows)
        return Ragged(np.asarray(self.values[index]), starts)


_SIGN_AND_MAGNITUDE = np.int32(-0x70002000)
_REBIASED = np.float32(2.0**112)


def single(values: NDArray[np.float16]) -> NDArray[np.float32]:
    """Convert finite half-precision numbers to single precision.

    The same as ``astype``, in less than half the time: the bits are moved to where they stand in
    a float32, and the exponent is corrected by a multiplication.
    """
    bits = values.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_MAGNITUDE
    found = bits.view(np.float32)
    found *= _REBIASED
    return found


def places(
    starts: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the values of some ragged rows stand, and where each begins among them."""
    begin = starts[rows]
    length = starts[rows + 1] - begin
    taken = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(length, out=taken[1:])
    return np.arange(taken[-1]) + np.repeat(begin - taken[:-1], length), taken


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

    @classmethod
    def chain(cls, parts: Sequence[Strings]) -> Strings:
        """Put several one behind the other."""
        whole = Ragged.chain([Ragged(p.data, p.offsets) for p in parts])
        return cls(whole.values, whole.starts)

    def save(self, folder: Path, name: str) -> None:
        """Write ``name.npy`` and ``name_offsets.npy``."""
        save_array(folder, name, self.data)
        save_array(folder, f"{name}_offsets", self.offsets)

    def take(self, rows: NDArray[np.int64]) -> Strings:
        """Return some strings, in the order asked for."""
        taken = Ragged(self.data, self.offsets).take(rows)
        return Strings(taken.values, taken.starts)

    def encoded(self) -> list[bytes]:
        """Return all strings as UTF-8, which sorts as the strings do."""
        return self._encoded(range(len(self)))

    def _encoded(self, rows: range) -> list[bytes]:
        offsets = self.offsets[rows.start : max(rows.start, rows.stop) + 1].tolist()
        block = self.data[offsets[0] : offsets[-1]].tobytes()
        return [block[a - offsets[0] : b - offsets[0]] for a, b in pairwise(offsets)]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            wanted = range(*index.indices(len(self)))
            if wanted.step == 1:
                return [e.decode("utf-8", "surrogatepass") for e in self._encoded(wanted)]
            return [self[i] for i in wanted]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index = int(index) % len(self)
        block = self.data[int(self.offsets[index]) : int(self.offsets[index + 1])]
        return block.tobytes().decode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Lookup:
    """Finds a string's position by its hash: nothing to load, however many strings there are.

    Attributes:
        strings: What is looked up.
        hashes: uint64, sorted.
        positions: int32, position of the string behind each hash.
    """

    strings: Strings
    hashes: NDArray[np.uint64]
    positions: NDArray[np.int32]

    @classmethod
    def of(cls, strings: Strings) -> Lookup:
        """Make the lookup of distinct strings."""
        hashes = hashes_of(strings.encoded())
        positions = np.argsort(hashes, kind="stable").astype(np.int32)
        return cls(strings, hashes[positions], positions)

    @classmethod
    def open(cls, folder: Path, name: str) -> Lookup:
        """Open strings and lookup, as :meth:`save` wrote them."""
        strings = Strings.open(folder, name)
        hashes, positions = (open_array(folder, f"{name}_{x}") for x in ("hashes", "positions"))
        return cls(strings, hashes, positions)

    def save(self, folder: Path, name: str) -> None:
        """Write the strings and their lookup."""
        self.strings.save(folder, name)
        save_array(folder, f"{name}_hashes", self.hashes)
        save_array(folder, f"{name}_positions", self.positions)

    def __len__(self) -> int:
        return len(self.strings)

    def position(self, name: str) -> int | None:
        """Return the position of one name, None where it is none of the strings."""
        found = int(self.find([name])[0])
        return None if found < 0 else found

    def find(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the position of each name, -1 where it is none of the strings."""
        found = np.full(len(names), -1, dtype=np.int64)
        wanted = hashes_of([n.encode("utf-8", "surrogatepass") for n in names])
        begins = np.searchsorted(self.hashes, wanted, side="left").tolist()
        ends = np.searchsorted(self.hashes, wanted, side="right").tolist()
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            for place in range(begin, end):
                if self.strings[int(self.positions[place])] == names[number]:
                    found[number] = self.positions[place]
        return found


def hashes_of(values: Sequence[bytes]) -> NDArray[np.uint64]:
    """Hash byte strings to 64 bits each, alike on every machine."""
    blake = hashlib.blake2b
    joined = b"".join([blake(v, digest_size=8).digest() for v in values])
    return np.frombuffer(joined, dtype="<u8")


class Chain:
    """Several arrays of like rows as one: rows are copied only when asked for."""

    def __init__(self, parts: Sequence[NDArray[Any]]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(p) for p in parts])
        self.shape = (len(self), *parts[0].shape[1:])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        if len(self._parts) == 1 or not len(rows) or rows.max() < self._ends[0]:
            return np.asarray(self._parts[0][rows])
        found = np.empty((len(rows), *self.shape[1:]), dtype=self._parts[0].dtype)
        owner = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(owner):
            here = owner == number
            first = int(self._ends[number]) - len(self._parts[number])
            found[here] = self._parts[number][rows[here] - first]
        return found
