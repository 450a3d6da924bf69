"""Which language a text is written in."""

from __future__ import annotations

from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from matcher.languages import LANGUAGES, UNKNOWN

# The identifier's name for Bokmål is that of the macrolanguage.
_TO_IDENTIFIER = {"nb": "no"}
_FROM_IDENTIFIER = {"no": "nb"}
_NORWEGIAN = {"no", "nn"}
_ENOUGH = 400
"""Characters looked at: more change nothing."""


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([_TO_IDENTIFIER.get(lang, lang) for lang in LANGUAGES])
    return identifier


def identify(text: str, least: float = 0.4) -> str:
    """Identify the language of a text among the supported ones.

    Args:
        text: Any text; its first characters decide.
        least: Least confidence for an answer. A text without words is evenly likely in all
            eight languages (0.125); short phrases land around 0.4.

    Returns:
        ISO 639-1 code, or ``und`` if unsure.
    """
    ranked = _identifier().rank(text[:_ENOUGH])
    language, confidence = ranked[0]
    if language in _NORWEGIAN:
        # Between the two written forms of Norwegian the likelier is taken; being unsure which
        # of them is no reason to doubt that it is Norwegian.
        confidence = sum(c for code, c in ranked if code in _NORWEGIAN)
    return _FROM_IDENTIFIER.get(language, language) if confidence >= least else UNKNOWN
