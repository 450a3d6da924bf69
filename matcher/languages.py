"""The languages Samspill knows, and the codes other systems use for them."""

from __future__ import annotations

import re

LANGUAGES: tuple[str, ...] = ("nb", "nn", "sv", "da", "fi", "is", "en", "de")
"""ISO 639-1 codes of the supported languages."""

UNKNOWN = "und"
"""ISO 639 code of a text whose language is not known (or not supported)."""

# Written "nob no" = ISO 639-3 (and 639-2/B), then the ISO 639-1 code it becomes: the languages
# European notices come in, and what people write for Norwegian.
_OTHER_CODES = (
    "nob nb  nor nb  no nb  nno nn  swe sv  dan da  fin fi  isl is  ice is  eng en  deu de  ger de "
    "fra fr  fre fr  nld nl  dut nl  ita it  spa es  por pt  pol pl  ces cs  cze cs  slk sk "
    "slo sk  slv sl  hun hu  ron ro  rum ro  bul bg  hrv hr  srp sr  ell el  gre el  est et "
    "lav lv  lit lt  mlt mt  gle ga  mkd mk  sqi sq  tur tr  ukr uk  rus ru  cat ca  eus eu "
    "glg gl  fao fo  kal kl  sme se"
)
_FROM_OTHER_CODES = dict(re.findall(r"(\w+) (\w+)", _OTHER_CODES))


def normalise_language(code: str | None) -> str:
    """Return the ISO 639-1 code of a language, ``und`` where none is given or it is unknown.

    Accepts ISO 639-1 and 639-3 codes in any case, region suffixes (``nb-NO``, ``sv_SE``) and
    the macrolanguage Norwegian, which is taken for Bokmål. A language need not be supported to
    be kept.

    Raises:
        ValueError: What is given has not the form of a language code.
    """
    short = (code or "").strip().lower().replace("_", "-").split("-")[0]
    if not short:
        return UNKNOWN
    if not (2 <= len(short) <= 3 and short.isascii() and short.isalpha()):
        raise ValueError(f"{code!r} is no language code (two letters, as in nb)")
    short = _FROM_OTHER_CODES.get(short, short)
    return short if len(short) == 2 else UNKNOWN


def same_language(one: str, other: str) -> bool:
    """Tell whether a reader of one language reads the other as their own.

    Bokmål and Nynorsk are two written forms of Norwegian and count as one.
    """
    norwegian = {"nb", "nn"}
    return one == other or {one, other} <= norwegian
