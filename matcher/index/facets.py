"""What records can be filtered by, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from matcher.codes import normalise_country, normalise_nace
from matcher.index.arrays import Ragged, Strings, open_array, save_array
from matcher.index.base import Mask
from matcher.languages import LANGUAGES
from matcher.records import Record, Supplier

UNKNOWN_LANGUAGE = len(LANGUAGES)


class Filters(BaseModel):
    """What a record must be to come into question; what is empty does not restrict.

    ``cpv`` and ``nace`` take codes or beginnings of them: ``45`` is the whole division.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    cpv: tuple[str, ...] = ()
    nace: tuple[str, ...] = ()
    employees_min: int | None = Field(None, ge=0)
    employees_max: int | None = Field(None, ge=0)

    @field_validator("countries")
    @classmethod
    def _countries(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(normalise_country(v) for v in values)

    @field_validator("languages")
    @classmethod
    def _languages(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if value not in LANGUAGES:
                raise ValueError(f"{value!r} is none of {', '.join(LANGUAGES)}")
        return values

    @field_validator("cpv")
    @classmethod
    def _cpv(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not (value.isascii() and value.isdigit() and 2 <= len(value) <= 8):
                raise ValueError(f"{value!r} is no CPV code or beginning of one (2 to 8 digits)")
        return values

    @field_validator("nace")
    @classmethod
    def _nace(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(normalise_nace(v) for v in values)

    @property
    def restrict(self) -> bool:
        """Whether anything is filtered at all."""
        return self != Filters()


@dataclass(frozen=True)
class Facets:
    """The columns filters look at, one entry a record.

    Attributes:
        languages: uint8, index into ``LANGUAGES``; ``UNKNOWN_LANGUAGE`` otherwise.
        countries: uint16, the two letters as base-256 digits, 0 unknown.
        employees: int32, -1 unknown.
        regions: int32, index into ``region_names``.
        region_names: Folded names of regions.
        cpv, nace: Codes of each record as numbers (eight and four digits).
    """

    languages: NDArray[np.uint8]
    countries: NDArray[np.uint16]
    employees: NDArray[np.int32]
    regions: NDArray[np.int32]
    region_names: Strings
    cpv: Ragged
    nace: Ragged

    def mask(self, filters: Filters) -> Mask:
        """Tell for each record whether it passes: bool[records]."""
        passes = np.ones(len(self.languages), dtype=bool)
        if filters.countries:
            passes &= np.isin(self.countries, [pack_country(c) for c in filters.countries])
        if filters.languages:
            passes &= np.isin(self.languages, [LANGUAGES.index(x) for x in filters.languages])
        if filters.regions:
            wanted = {fold_region(r) for r in filters.regions}
            numbers = [n for n, name in enumerate(self.region_names) if name in wanted]
            passes &= np.isin(self.regions, numbers)
        if filters.employees_min is not None:
            passes &= self.employees >= filters.employees_min
        if filters.employees_max is not None:
            passes &= (self.employees >= 0) & (self.employees <= filters.employees_max)
        if filters.cpv:
            passes &= _has_code(self.cpv, filters.cpv, 8)
        if filters.nace:
            passes &= _has_code(self.nace, [n.replace(".", "") for n in filters.nace], 4)
        return passes

    @classmethod
    def chain(cls, parts: Sequence[Facets]) -> Facets:
        """Put the rows of several one behind the other."""
        names: dict[str, int] = {}
        regions = []
        for part in parts:
            numbers = [names.setdefault(n, len(names)) for n in part.region_names]
            regions.append(np.array(numbers, dtype=np.int32)[part.regions])
        columns = {
            name: np.concatenate([getattr(p, name) for p in parts])
            for name in ("languages", "countries", "employees")
        }
        return cls(
            **columns,
            regions=np.concatenate(regions),
            region_names=Strings.of(names),
            cpv=Ragged.chain([p.cpv for p in parts]),
            nace=Ragged.chain([p.nace for p in parts]),
        )

    def take(self, rows: NDArray[np.int64]) -> Facets:
        """Return some rows, in the order asked for."""
        return Facets(
            self.languages[rows],
            self.countries[rows],
            self.employees[rows],
            self.regions[rows],
            self.region_names,
            self.cpv.take(rows),
            self.nace.take(rows),
        )

    def save(self, folder: Path) -> None:
        """Write all columns."""
        for name in ("languages", "countries", "employees", "regions"):
            save_array(folder, name, getattr(self, name))
        self.region_names.save(folder, "region_names")
        self.cpv.save(folder, "cpv")
        self.nace.save(folder, "nace")

    @classmethod
    def open(cls, folder: Path) -> Facets:
        """Open what :meth:`save` wrote, by memory map."""
        return cls(
            open_array(folder, "languages"),
            open_array(folder, "countries"),
            open_array(folder, "employees"),
            open_array(folder, "regions"),
            Strings.open(folder, "region_names"),
            Ragged.open(folder, "cpv"),
            Ragged.open(folder, "nace"),
        )


class FacetsBuilder:
    """Collects the columns record by record."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, int]] = []
        self._regions: dict[str, int] = {}
        self._cpv: list[list[int]] = []
        self._nace: list[list[int]] = []

    def add(self, record: Record, lang: str) -> None:
        """Add one record with the language it was found to be in."""
        supplier = record if isinstance(record, Supplier) else None
        employees = supplier.employees if supplier else None
        region = self._regions.setdefault(fold_region(record.region), len(self._regions))
        self._rows.append(
            (
                language_number(lang),
                pack_country(record.country),
                -1 if employees is None else min(employees, 2**31 - 1),
                region,
            )
        )
        self._cpv.append([int(c) for c in record.cpv])
        nace = supplier.nace if supplier else ()
        self._nace.append([int(c.replace(".", "").ljust(4, "0")) for c in nace])

    def build(self) -> Facets:
        """Return the columns."""
        columns: Any = np.array(self._rows, dtype=np.int64).reshape(-1, 4).T
        return Facets(
            columns[0].astype(np.uint8),
            columns[1].astype(np.uint16),
            columns[2].astype(np.int32),
            columns[3].astype(np.int32),
            Strings.of(self._regions),
            Ragged.of(self._cpv),
            Ragged.of(self._nace),
        )


def language_number(lang: str) -> int:
    """Return a language's number, ``UNKNOWN_LANGUAGE`` for all we do not support."""
    return LANGUAGES.index(lang) if lang in LANGUAGES else UNKNOWN_LANGUAGE


def pack_country(country: str) -> int:
    """Return the two letters of a country as one number, 0 for none."""
    return int.from_bytes(country.encode("ascii"), "big") if country else 0


def fold_region(region: str) -> str:
    """Fold a region's name for comparison."""
    return " ".join(region.casefold().split())


def _has_code(codes: Ragged, beginnings: Sequence[str], digits: int) -> Mask:
    """Tell which rows hold a code that starts with one of the beginnings."""
    hit = np.zeros(len(codes.values), dtype=bool)
    for beginning in beginnings:
        low = int(beginning.ljust(digits, "0"))
        high = int(beginning.ljust(digits, "9"))
        hit |= (codes.values >= low) & (codes.values <= high)
    before = np.concatenate([[0], np.cumsum(hit)])
    return np.asarray(before[codes.starts[1:]] > before[codes.starts[:-1]])
