"""What is known of CPV codes without the list: the divisions, their names, and old ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from matcher.codes.classify import normalise_cpv

_FILE = Path(__file__).parent / "cpv_divisions.tsv"

# Divisions of the vocabulary of 2003 that were dissolved in 2008, and the division that took up
# most of what they held. Source: annexes of Regulation (EC) No 213/2008. The codes below them
# were renumbered one by one, so only the division is carried over.
_DISSOLVED = {
    "01": "03", "02": "03", "05": "03", "10": "09", "11": "09", "12": "14", "13": "14",
    "17": "39", "20": "03", "21": "30", "23": "09", "25": "19", "26": "44", "27": "14",
    "28": "44", "29": "42", "36": "39", "40": "09", "52": "55", "61": "60", "62": "60",
    "67": "66", "74": "79", "78": "79", "91": "98", "93": "98", "95": "98",
}  # fmt: skip


def check_cpv(code: str) -> tuple[str, str]:
    """Normalise a code and tell what is wrong with it.

    Returns:
        The eight digits, or an empty string if it is no code; and a remark, empty if all is
        well. A code of a dissolved division becomes the division that took its place.
    """
    try:
        plain = normalise_cpv(code)
    except ValueError as error:
        return "", str(error)
    division = plain[:2]
    if division in division_names("en"):
        return plain, ""
    if division in _DISSOLVED:
        new = f"{_DISSOLVED[division]}000000"
        return new, f"{code!r} is of the CPV of 2003: taken as its successor's division {new}"
    return "", f"{code!r} is no CPV code: there is no division {division}"


@cache
def division_names(lang: str) -> Mapping[str, str]:
    """Return the names of the 45 divisions (two digits) in one of our languages, else English."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    column = header.index(lang) if lang in header else header.index("en")
    return {cells[0]: cells[column] for cells in (line.split("\t") for line in lines[1:])}


def cpv_name(code: str, lang: str, names: Mapping[str, str] | None = None) -> str:
    """Return the name of a code in a reader's language.

    Args:
        code: Eight digits.
        lang: ISO 639-1.
        names: Names by code from the imported list; without it, or if it lacks the code, the
            name of the division is given.
    """
    return (names or {}).get(code) or division_names(lang).get(code[:2], "")
