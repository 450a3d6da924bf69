"""Whatever a file holds, every source accounts for it and none raises."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.records import Record
from matcher.sources.base import Refusal, Remark, SetAside
from matcher.sources.brreg import read_brreg
from matcher.sources.notices import read_notices
from matcher.sources.table import read_table
from tests.conftest import FIXTURES

NOTICE = (FIXTURES / "consultation.xml").read_bytes()
TABLE = b"Navn;Tekst;Land\nFirma;Vi maaker;NO\nAnnet;Vi \xc3\xb8nsker;SE\n"
ENTITY = json.dumps([{"organisasjonsnummer": "999999991", "navn": "A", "aktivitet": ["b"]}] * 3)


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """Cut, repeat and overwrite pieces of a file."""
    place = st.integers(0, len(data))
    return st.lists(st.tuples(place, place, st.binary(max_size=6)), min_size=1, max_size=4).map(
        lambda edits: _edit(data, edits)
    )


def _edit(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for start, end, new in edits:
        low, high = sorted((start, min(end, start + 40)))
        data = data[:low] + new + data[high:]
    return data


def _check(name: str, data: bytes, read: object) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        for item in read([Path(folder)]):  # type: ignore[operator]
            assert isinstance(item, Record | Refusal | Remark | SetAside)
            if isinstance(item, Refusal):
                assert item.file
                assert item.reason


@settings(max_examples=150, deadline=None)
@given(mutated(NOTICE))
def test_eforms(data: bytes) -> None:
    _check("a.xml", data, read_notices)


@settings(max_examples=200, deadline=None)
@given(st.one_of(mutated(TABLE), st.binary(max_size=300)))
def test_csv(data: bytes) -> None:
    _check("a.csv", data, read_table)


@settings(max_examples=200, deadline=None)
@given(st.one_of(mutated(ENTITY.encode()), st.binary(max_size=300)))
def test_json(data: bytes) -> None:
    _check("a.json", data, read_brreg)
    _check("a.jsonl", data, read_table)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = ["id", "name", "title", "text", "lang", "country", "cpv", "nace", "employees", "buyers",
          "texts", "parts", "deadline", "value", "procedure", "url"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_values_in_known_fields(row: dict[str, object]) -> None:
    _check("a.jsonl", json.dumps(row).encode(), read_table)
