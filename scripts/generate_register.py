"""Write a bulk file in the format of Enhetsregisteret, with invented companies.

python scripts/generate_register.py OUT.json.gz [--entities 1000000] [--seed 1]

One in twenty is bankrupt or deleted, one in five a sole trader; texts are wrapped into fragments
and sometimes empty, counts of employees are missing as often as in the real file.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_WORDS = [
    "drift",
    "utvikling",
    "salg",
    "av",
    "og",
    "vedlikehold",
    "ferger",
    "bygg",
    "anlegg",
    "programvare",
    "renhold",
    "transport",
    "rådgivning",
    "prosjektering",
    "utleie",
    "fast",
    "eiendom",
    "samt",
    "det",
    "som",
    "naturlig",
    "står",
    "i",
    "forbindelse",
    "med",
    "dette",
    "helse",
    "omsorg",
    "opplæring",
    "miljø",
    "avfall",
    "energi",
    "bredbånd",
    "næringsmidler",
    "havbruk",
]
_NAMES = [
    "FJORD",
    "NORD",
    "VEST",
    "HAV",
    "BERG",
    "DAL",
    "VIK",
    "SUND",
    "NES",
    "HOLM",
    "STRAND",
    "SKOG",
    "ELV",
    "BRU",
    "KYST",
]
_PLACES = [("BERGEN", "4601"), ("OSLO", "0301"), ("TRONDHEIM", "5001"), ("BODØ", "1804")]
_CODES = ["62.010", "41.200", "43.210", "49.410", "81.210", "71.121", "50.102", "01.110"]


def entities(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield entities as the bulk file holds them."""
    rng = random.Random(seed)
    given = 0
    for number in range(80_000_000, 99_999_999):
        organisation = _with_check_digit(number)
        if not organisation:
            continue
        place, code = rng.choice(_PLACES), rng.choice(_CODES)
        sole = rng.random() < 0.2
        text = [" ".join(rng.choices(_WORDS, k=9)) for _ in range(rng.randrange(4))] or [""]
        staff = rng.randrange(5, 300) if rng.random() < 0.3 else None
        entity: dict[str, Any] = {
            "organisasjonsnummer": organisation,
            "navn": f"{rng.choice(_NAMES)}{rng.choice(_NAMES)} {number}" + ("" if sole else " AS"),
            "organisasjonsform": {"kode": "ENK" if sole else "AS", "beskrivelse": "Form"},
            "registreringsdatoEnhetsregisteret": "2010-01-01",
            "registrertIMvaregisteret": True,
            "naeringskode1": {"kode": code, "beskrivelse": "Næring " + rng.choice(_WORDS)},
            "harRegistrertAntallAnsatte": staff is not None,
            "forretningsadresse": {
                "land": "Norge", "landkode": "NO", "postnummer": "5003", "poststed": place[0],
                "adresse": [f"Gata {number % 99}"], "kommune": place[0], "kommunenummer": place[1],
            },
            "stiftelsesdato": f"{rng.randrange(1950, 2026)}-05-06",
            "maalform": rng.choice(["Bokmål", "Nynorsk"]),
            "konkurs": rng.random() < 0.03,
            "underAvvikling": False,
            "aktivitet": text,
            "vedtektsfestetFormaal": [] if sole else ["Selskapets formål er", *text],
        }  # fmt: skip
        if staff is not None:
            entity["antallAnsatte"] = staff
        if rng.random() < 0.02:
            entity["slettedato"] = "2024-01-01"
        yield entity
        given += 1
        if given == count:
            return


def _with_check_digit(number: int) -> str:
    digits = f"{number:08d}"
    total = sum(int(d) * w for d, w in zip(digits, (3, 2, 7, 6, 5, 4, 3, 2), strict=True))
    check = -total % 11
    return "" if check == 10 else f"{digits}{check}"


def write(path: Path, count: int, seed: int = 1) -> None:
    """Write a bulk file, gzipped if its name says so."""
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else path.open("wb") as out:
        for place, entity in enumerate(entities(count, seed)):
            out.write(b"[\n" if place == 0 else b",\n")
            out.write(json.dumps(entity, ensure_ascii=False).encode())
        out.write(b"\n]\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.out, options.entities, options.seed)
