"""Tells an invitation to a market dialogue by its text, in the supported languages.

Norway, Denmark and others announce dialogues as prior information notices, whose type alone
does not tell them from a plan. Only plans are looked at: a competition that mentions an earlier
dialogue is no invitation to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from matcher.records import Text

# Word beginnings (``*`` stands for any ending). Competitive dialogue is a procedure, not a
# market dialogue, so the bare word dialogue is not here.
_WORDS = {
    "nb": "markedsdialog*, dialogkonferanse*, dialogmøte*, leverandørdialog*, markedsundersøkelse*,"
    "markedssondering*, leverandørkonferanse*, leverandørmøte*, innspillskonferanse*,"
    "informasjonsforespørsel*, markedskonsultasjon*, veiledende kunngjøring*, én-til-én-møte*",
    "nn": "marknadsdialog*, dialogkonferanse*, dialogmøte*, leverandørdialog*, leverandørmøte*,"
    "marknadsundersøking*, marknadssondering*, leverandørkonferanse*, informasjonsførespurnad*",
    "sv": "marknadsdialog*, leverantörsdialog*, dialogkonferens*, dialogmöte*, dialogträff*,"
    "leverantörsträff*, leverantörsmöte*, marknadsundersökning*, marknadssondering*,"
    "informationsförfrågan*, extern remiss*, tidig dialog*, branschdialog*",
    "da": "markedsdialog*, leverandørdialog*, dialogmøde*, dialogkonference*, leverandørmøde*,"
    "markedsundersøgelse*, markedsafdækning*, teknisk dialog*, leverandørkonference*,"
    "informationsmøde for leverandører*, markedshøring*, informationsanmodning*",
    "fi": "markkinavuoropuhelu*, markkinakartoitu*, tietopyyn*, markkinakuulemi*,"
    "teknis* vuoropuhelu*, toimittajapäiv*, toimittajatilaisuu*, toimittajavuoropuhelu*,"
    "markkinasonderau*, ennakkovuoropuhelu*",
    "is": "markaðskönnun*, markaðssamtal*, markaðssamráð*, samráðsfund*, kynningarfund*,"
    "upplýsingabeiðni*, beiðni um upplýsingar*, markaðskannan*, birgjafund*",
    "en": "market dialogue*, market consultation*, market engagement*, market sounding*,"
    "request for information*, supplier day*, supplier dialogue*, market research*,"
    "soft market test*, industry day*, supplier engagement*, meet the buyer*, early engagement*",
    "de": "marktdialog*, markterkundung*, marktkonsultation*, bieterdialog*, lieferantendialog*,"
    "marktanfrage*, informationsanfrage*, marktsondierung*, marktanalyse im vorfeld*,"
    "interessenbekundungsverfahren*",
}
_PHRASES = sorted(
    {phrase.strip() for words in _WORDS.values() for phrase in words.split(",") if phrase.strip()}
)
_PATTERN = re.compile(
    r"\b(?:"
    + "|".join(re.escape(p).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for p in _PHRASES)
    + r"|RFI)\b",
    re.IGNORECASE,
)
_LIMIT = 50_000


def invites_to_dialogue(texts: Iterable[Text]) -> bool:
    """Tell whether any of the texts speaks of a market dialogue."""
    return any(_PATTERN.search(f"{t.title}\n{t.body[:_LIMIT]}") for t in texts)
