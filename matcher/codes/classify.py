"""Codes that classify: CPV (what is bought), NACE (what a company does), ISO 3166 (countries)."""

from __future__ import annotations

import re
from functools import cache

from babel import Locale
from babel.core import get_global

from matcher.languages import LANGUAGES

# Eight digits, a check digit, and the supplementary code (``-AA01``) or the ".0" of a spreadsheet.
_CPV = re.compile(r"(\d{8})(?:[-–.]?(\d))?(?:\s*[-–][A-Z]{2}\d{2}(?:-\d)?)?")
_NACE = re.compile(r"(?:[A-V])?\s*(\d{2})(?:\.?(\d{1,2}))?(?:\.?\d{1,3})?")

# What CLDR does not know, and what must not cost a look into it.
_COUNTRY_NAMES = {
    "norge": "NO", "noreg": "NO", "norway": "NO", "norwegen": "NO", "norja": "NO", "nor": "NO",
    "sverige": "SE", "sweden": "SE", "schweden": "SE", "ruotsi": "SE", "swe": "SE",
    "danmark": "DK", "denmark": "DK", "dänemark": "DK", "tanska": "DK", "dnk": "DK",
    "suomi": "FI", "finland": "FI", "finnland": "FI", "fin": "FI",
    "ísland": "IS", "island": "IS", "iceland": "IS", "islanti": "IS", "isl": "IS",
    "deutschland": "DE", "tyskland": "DE", "germany": "DE", "saksa": "DE", "deu": "DE",
    "österreich": "AT", "austria": "AT", "aut": "AT",
    "schweiz": "CH", "switzerland": "CH", "che": "CH",
    "united kingdom": "GB", "storbritannia": "GB", "gbr": "GB", "uk": "GB",
    "ireland": "IE", "irl": "IE", "netherlands": "NL", "nederland": "NL", "nld": "NL",
    "estonia": "EE", "eesti": "EE", "est": "EE",
    "el": "GR", "eesti vabariik": "EE",
    "latvia": "LV", "lva": "LV", "lithuania": "LT", "ltu": "LT",
    "belgium": "BE", "bel": "BE", "bulgaria": "BG", "bgr": "BG", "croatia": "HR", "hrv": "HR",
    "cyprus": "CY", "cyp": "CY", "czechia": "CZ", "cze": "CZ", "france": "FR", "fra": "FR",
    "greece": "GR", "grc": "GR", "hungary": "HU", "hun": "HU", "italy": "IT", "ita": "IT",
    "luxembourg": "LU", "lux": "LU", "malta": "MT", "mlt": "MT", "poland": "PL", "pol": "PL",
    "portugal": "PT", "prt": "PT", "romania": "RO", "rou": "RO", "slovakia": "SK", "svk": "SK",
    "slovenia": "SI", "svn": "SI", "spain": "ES", "esp": "ES", "liechtenstein": "LI", "lie": "LI",
    "faroe islands": "FO", "færøerne": "FO", "fro": "FO",
    "greenland": "GL", "grønland": "GL", "grl": "GL", "åland": "AX", "ala": "AX",
    "united states": "US", "usa": "US", "canada": "CA", "can": "CA",
    "xkx": "XK", "1a0": "XK", "kosovo": "XK",
    "turkey": "TR", "tur": "TR", "ukraine": "UA", "ukr": "UA", "china": "CN", "chn": "CN",
}  # fmt: skip

_NO_COUNTRIES = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}


def normalise_cpv(code: str) -> str:
    """Return the eight digits of a CPV code.

    Accepts ``03113100``, ``03113100-7`` and ``031131007``, with a supplementary code or the
    ``.0`` of a spreadsheet behind it; a code whose leading zero a spreadsheet ate (seven digits)
    gets it back.

    Raises:
        ValueError: It is no CPV code.
    """
    text = re.sub(r"[\u200b\ufeff\u00a0]", "", code).strip().removesuffix(".0")
    if len(text) == 7 and text.isascii() and text.isdigit():
        text = "0" + text
    match = _CPV.fullmatch(text)
    if not match:
        raise ValueError(f"{code!r} is no CPV code (eight digits, as in 60000000)")
    return match[1]


def normalise_nace(code: str) -> str:
    """Return the European level (``62.01``) of a NACE code or a national one built on it.

    Norway's SN, Sweden's SNI, Denmark's DB and Finland's TOL refine NACE by further digits,
    which are cut: ``62.010``, ``62010`` and ``620100`` all give ``62.01``.

    Raises:
        ValueError: It is no NACE code.
    """
    match = _NACE.fullmatch(code.strip().upper())
    if not match or not 1 <= int(match[1]) <= 99:
        raise ValueError(f"{code!r} is no NACE code (two to four digits, as in 49.41)")
    return match[1] if match[2] is None else f"{match[1]}.{match[2]}"


def normalise_country(country: str | None) -> str:
    """Return the ISO 3166-1 alpha-2 code of a country, or the empty string if none is given.

    Accepts alpha-2, the alpha-3 codes notices use, and names in the supported languages.

    Raises:
        ValueError: Not a country.
    """
    text = (country or "").strip()
    if not text:
        return ""
    if named := _COUNTRY_NAMES.get(text.casefold()):
        return named
    if len(text) == 2 and text.isascii() and text.isalpha():
        return text.upper()
    if named := _all_countries().get(text.casefold()):
        return named
    raise ValueError(f"{text!r} is no country (two letters, as in NO)")


@cache
def _all_countries() -> dict[str, str]:
    """Alpha-3 codes of ISO 3166-1, and names in the supported languages, by CLDR."""
    found: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES:
                found[name.casefold()] = code
    known = set(found.values())
    for code, now in get_global("territory_aliases").items():
        if len(code) == 3 and code.isalpha() and len(now) == 1 and now[0] in known:
            found[code.casefold()] = now[0]
    return found


def size_class(employees: int | None) -> str:
    """Return the EU's class of a company by its employees, empty where they are not known.

    Source: Commission Recommendation 2003/361/EC, by headcount alone.
    """
    if employees is None:
        return ""
    for limit, name in ((10, "micro"), (50, "small"), (250, "medium")):
        if employees < limit:
            return name
    return "large"
