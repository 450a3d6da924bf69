"""Mutations of good files, and what must hold whatever a file contains."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from matcher.records import Record
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.documents import open_stream
from matcher.sources.formats import FORMATS, read_any
from tests.notices import RESULT, doffin_hit, eforms, release, ted, ted_hit

_AWARD = {"root": "ContractAwardNotice", "form": "result", "kind": "can-standard"}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _zipped(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", data)
    return made.getvalue()


def corpus() -> dict[str, list[tuple[str, bytes]]]:
    """Good files by format: name and content."""
    entity = {
        "organisasjonsnummer": "974760673", "navn": "Fjord", "aktivitet": ["Drift av", "ferger"],
        "naeringskode1": {"kode": "50.101", "beskrivelse": "Sjø"}, "antallAnsatte": 3,
        "forretningsadresse": {"kommune": "BERGEN", "kommunenummer": "4601", "landkode": "NO"},
    }  # fmt: skip
    period = {"gyldigFra": "2020-01-01", "gyldigTil": None}
    danish = {"cvrNummer": 10150817, "navne": [{"navn": "Færger", "periode": period}],
              "hovedbranche": [{"branchekode": "501000", "periode": period}],
              "aarsbeskaeftigelse": [{"aar": 2024, "antalAnsatte": 4}]}  # fmt: skip
    finnish = {"businessId": {"value": "0112038-9"}, "names": [{"name": "Lautta", "type": "1"}],
               "mainBusinessLine": {"type": "50100", "descriptions": [
                   {"languageCode": "1", "description": "Laivat"}]}}  # fmt: skip
    swedish = {"organisationsidentitet": {"identitetsbeteckning": "5560160680"},
               "organisationsnamn": {"organisationsnamnLista": [{"namn": "Färja"}]},
               "naringsgrenOrganisation": {"sni": [{"kod": "50101", "klartext": "x"}]}}  # fmt: skip
    won = eforms(3, buyers=3, result=RESULT, **_AWARD).encode()
    return {
        "eforms": [
            ("a.xml", eforms(1, buyers=2, lots=2, languages=("NOB", "SWE")).encode()),
            ("a.xml", won), ("a.zip", _zipped(won)), ("a.xml.gz", gzip.compress(won)),
        ],
        "ted-xml": [("a.xml", ted(lots=2, buyers=2, languages=("SV", "FI")).encode()),
                    ("a.xml", ted("F03").encode())],
        "ocds": [("a.json", _json({"releases": [release(), release(tag=["award"])]})),
                 ("a.jsonl", _json({"records": [{"ocid": "a", "compiledRelease": release()}]}))],
        "ted": [("a.json", _json({"notices": [ted_hit(), ted_hit(**{"form-type": "result"})]}))],
        "doffin": [("a.json", _json({"hits": [doffin_hit(), doffin_hit(type="RESULT")]}))],
        "brreg": [("a.json", _json([entity, entity])), ("a.json.gz", gzip.compress(_json(entity)))],
        "cvr": [("a.json", _json({"hits": {"hits": [{"_source": {"Vrvirksomhed": danish}}]}}))],
        "prh": [("a.json", _json({"companies": [finnish]}))],
        "bolagsverket": [("a.json", _json({"organisationer": [swedish]}))],
        "table": [("a.csv", "Navn;Tekst;Land\nFirma;Vi måker;NO\n".encode()),
                  ("a.jsonl", _json({"id": "x", "name": "A", "text": "b", "cpv": ["34512100"]}))],
    }  # fmt: skip


_BITS = [b"", b"\x00", b"\xff\xfe", b"<", b">", b"&x;", b'"', b"{", b"[", b"]", b"null", b"1e999",
         b"-1", b"[[[[", b"\\ud800", b"<![CDATA[", b"<!DOCTYPE a [", b"99999999999999999999",
         b"xmlns=", b"true", b"{}", b"\xe2\x80\x8b", b";", b"\n", b"../..", b"]]>"]  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damage a file in one to eight places: cut, repeat, overwrite, swap values."""
    mutated = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        size = len(mutated)
        place, length = rng.randrange(size + 1), min(rng.randrange(1, 60), size)
        kind = rng.randrange(7)
        if kind == 0:
            mutated[place : place + length] = b""
        elif kind == 1:
            mutated[place:place] = mutated[place : place + length] * rng.randrange(1, 20)
        elif kind == 2:
            mutated[place : place + rng.randrange(4)] = rng.choice(_BITS)
        elif kind == 3 and size:
            mutated[place % size] = rng.randrange(256)
        elif kind == 4:
            other = rng.randrange(size + 1)
            mutated[place:place] = mutated[other : other + length]
        elif kind == 5 and rng.random() < 0.2:
            del mutated[place:]
        else:
            # A value of JSON or XML becomes one of another type.
            start = mutated.find(b":" if rng.random() < 0.5 else b">", place)
            if start >= 0:
                mutated[start + 1 : start + 1 + rng.randrange(12)] = rng.choice(_BITS)
        if not mutated:
            break
    return bytes(mutated)


_VALUES = [None, True, 0, -1, 1.5, 1e300, float("nan"), 10**30, "", "x", "\u200b", "a\x00b", [], {},
           [[]], [None], {"a": None}, "2026-13-45", "NOK", "34512100-9", ["34512100", 7],
           "x" * 5000, {"nob": ["a", None]}, "https://a.example/%zz", "\ud800"]  # fmt: skip


def mutate_tree(name: str, data: bytes, rng: random.Random) -> bytes:
    """Damage the meaning of a file and keep its form: values, elements, attributes."""
    if name.endswith(".gz"):
        return gzip.compress(mutate_tree(name[:-3], gzip.decompress(data), rng), compresslevel=1)
    if name.endswith(".xml"):
        return _mutate_xml(data, rng)
    if name.endswith((".json", ".jsonl")):
        value = json.loads(data)
        for _ in range(rng.randint(1, 6)):
            value = _mutate_value(value, rng)
        return json.dumps(value).encode()
    return mutate(data, rng)


def _mutate_value(value: object, rng: random.Random) -> object:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        kind = rng.randrange(8)
        if kind == 0:
            return {k: v for k, v in value.items() if k != key}
        if kind == 1:
            return {**value, key: [value[key]]}
        return {**value, key: _mutate_value(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        kind = rng.randrange(8)
        if kind == 0:
            return value[0]
        if kind == 1:
            return value + value
        return [*value[:place], _mutate_value(value[place], rng), *value[place + 1 :]]
    return rng.choice(_VALUES)


def _mutate_xml(data: bytes, rng: random.Random) -> bytes:
    root = etree.fromstring(data)
    for _ in range(rng.randint(1, 8)):
        elements = [e for e in root.iter() if isinstance(e.tag, str)]
        element = rng.choice(elements)
        parent = element.getparent()
        kind = rng.randrange(7)
        if kind == 0 and parent is not None:
            parent.remove(element)
        elif kind == 1 and parent is not None:
            parent.append(etree.fromstring(etree.tostring(element, with_tail=False)))
        elif kind == 2:
            element.text = rng.choice(["", "x", "-1", "NaN", "9" * 400, "æøå", " ", "true"])
        elif kind == 3 and element.attrib:
            element.set(rng.choice(list(element.attrib)), rng.choice(["", "x", "NOB", "\u00e6"]))
        elif kind == 4 and element.attrib:
            del element.attrib[rng.choice(list(element.attrib))]
        elif kind == 5:
            element.tag = rng.choice(elements).tag
        else:
            rng.choice(elements).append(etree.fromstring(etree.tostring(rng.choice(elements))))
    return etree.tostring(root)


def damaged(good: list[tuple[str, bytes]], rng: random.Random) -> tuple[str, bytes]:
    """Choose a good file and damage its bytes or its meaning."""
    name, data = rng.choice(good)
    if rng.random() < 0.6:
        return name, mutate_tree(name, data, rng)
    return name, mutate(data, rng)


def readers() -> dict[str, Callable[[list[Path]], Iterator[Item]]]:
    """Readers by the formats of the corpus."""
    made = {name: form.read for name, form in FORMATS.items()}
    return {**made, "ted-xml": made["eforms"]}


def check(path: Path, read: Callable[[list[Path]], Iterator[Item]]) -> int:
    """Read a file and make sure that all that comes out is what may; return how much."""
    count = 0
    for item in read([path]):
        count += 1
        assert isinstance(item, Record | Refusal | SetAside | Remark)
        if isinstance(item, Refusal):
            assert item.file
            assert item.reason
    assert count or _holds_nothing(path), "records disappeared"
    return count


def _holds_nothing(path: Path) -> bool:
    """Whether a file is JSON whose list of records is empty, as a search that found nothing."""
    with open_stream(path) as stream:
        values = [json.loads(line) for line in stream.read().splitlines() if line.strip()]
    lists = (v if isinstance(v, list) else next(iter(v.values()), None) for v in values)
    return all(held in ([], {}, {"hits": []}, [{"hits": []}]) for held in lists)


__all__ = ["check", "corpus", "damaged", "read_any", "readers"]
