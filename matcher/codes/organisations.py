"""Organisation numbers of NO, DK, SE, FI, IS, EE and DE, checked by their check digits.

Sources: Enhetsregisteret (modulus 11), CVR (modulus 11), Bolagsverket (Luhn), YTJ (modulus 11),
Þjóðskrá (modulus 11), e-Äriregister (modulus 11 in two passes), and for Germany the VAT number
(ISO 7064, MOD 11,10), for its trade register's numbers have no check digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_NOISE = re.compile(
    r"ORG(?:ANISA[TS]JONS|ANISATIONS)?\.?\s*-?(?:NUMMER|NR|N[:O]?)?\.?|CVR\s*-?(?:NR|NUMMER)?\.?|"
    r"Y-?TUNNUS|KENNITALA|\bKT\b|UST-?ID-?(?:NR)?\.?|VAT(?:\s*NO)?|REG(?:ISTRIKOOD|\.?\s*KOOD)|"
    r"[A-Z]{2}-[A-Z]{2,4}-(?=\d)"
)


@dataclass(frozen=True)
class OrganisationNumber:
    """A number whose check digit is right.

    Attributes:
        country: ISO 3166-1 alpha-2.
        number: In the register's own form, without spaces (``1234567-1`` in Finland).
        personal: Whether it is a person's own identity number, as sole traders use in Sweden
            and Iceland. Such a number must not be kept.
    """

    country: str
    number: str
    personal: bool = False


def find_organisation_number(text: str, country: str = "") -> OrganisationNumber | None:
    """Read an organisation number however it is written.

    ``999 601 391``, ``NO981604032MVA``, ``Org.nr.978693024`` and numbers with zero-width spaces
    are read; ``N/A`` and numbers with a wrong check digit are not.

    Args:
        text: What stands in the field.
        country: ISO 3166-1 alpha-2; without it, the number must name its country as a prefix.

    Returns:
        The number, or None if it is none of a country that is known here.
    """
    plain = _NOISE.sub("", text.upper())
    plain = re.sub(r"[^A-Z0-9]", "", plain)
    prefixed = re.fullmatch(r"(NO|DK|SE|FI|IS|EE|DE)(\d+)(?:MVA)?", plain)
    if prefixed:
        country, digits = prefixed[1], prefixed[2]
    else:
        digits = plain.removesuffix("MVA")
    check = _CHECKS.get(country)
    if check is None or not (digits.isascii() and digits.isdigit()):
        return None
    return check(digits)


def organisation_key(name: str, number: str, country: str) -> str:
    """Return what tells one organisation from another: its number, else its folded name.

    A number that is none ("N/A", a wrong check digit in a country whose numbers are known) is
    not used, for it would make strangers one.
    """
    found = find_organisation_number(number, country)
    if found:
        return f"{found.country}:{found.number}"
    plain = "".join(c for c in number.upper() if c.isalnum())
    usable = country not in _CHECKS and sum(c.isdigit() for c in plain) >= 5
    folded = " ".join(name.casefold().split())
    return f"{country}:{plain if usable else folded}"[:250]


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11


def _norway(digits: str) -> OrganisationNumber | None:
    if len(digits) != 9:
        return None
    check = -_weighted(digits[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return OrganisationNumber("NO", digits) if str(check) == digits[8] else None


def _denmark(digits: str) -> OrganisationNumber | None:
    right = len(digits) == 8 and _weighted(digits, (2, 7, 6, 5, 4, 3, 2, 1)) == 0
    return OrganisationNumber("DK", digits) if right and digits[0] != "0" else None


def _sweden(digits: str) -> OrganisationNumber | None:
    """Ten digits with Luhn's; the VAT number has 01 behind; a person's begins with a date."""
    if len(digits) == 12:
        digits = digits[2:] if digits[:2] in ("16", "19", "20") else digits[:10]
    if len(digits) != 10:
        return None
    doubled = [int(d) * (2 - n % 2) for n, d in enumerate(digits)]
    if sum(d // 10 + d % 10 for d in doubled) % 10:
        return None
    return OrganisationNumber("SE", digits, personal=int(digits[2:4]) < 20)


def _finland(digits: str) -> OrganisationNumber | None:
    digits = digits.zfill(8)
    if len(digits) != 8:
        return None
    check = -_weighted(digits[:7], (7, 9, 10, 5, 8, 4, 2)) % 11
    right = str(check) == digits[7]
    return OrganisationNumber("FI", f"{digits[:7]}-{digits[7]}") if right else None


def _iceland(digits: str) -> OrganisationNumber | None:
    """Ten digits; a company's first is a day plus 40, so 4 or more."""
    if len(digits) != 10:
        return None
    check = -_weighted(digits[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    right = str(check) == digits[8]
    return OrganisationNumber("IS", digits, personal=digits[0] < "4") if right else None


def _estonia(digits: str) -> OrganisationNumber | None:
    if len(digits) != 8:
        return None
    check = _weighted(digits[:7], (1, 2, 3, 4, 5, 6, 7))
    if check == 10:
        check = _weighted(digits[:7], (3, 4, 5, 6, 7, 8, 9)) % 10
    return OrganisationNumber("EE", digits) if str(check) == digits[7] else None


def _germany(digits: str) -> OrganisationNumber | None:
    if len(digits) != 9:
        return None
    product = 10
    for digit in digits[:8]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return OrganisationNumber("DE", digits) if str((11 - product) % 10) == digits[8] else None


_CHECKS: dict[str, Callable[[str], OrganisationNumber | None]] = {
    "NO": _norway,
    "DK": _denmark,
    "SE": _sweden,
    "FI": _finland,
    "IS": _iceland,
    "EE": _estonia,
    "DE": _germany,
}
