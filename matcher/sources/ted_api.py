"""Answers of TED's search API, version 3 (JSON): https://docs.ted.europa.eu/api/latest/search.html.

A value by language is sometimes a string and sometimes a list, a single value sometimes stands
where a list should be, codes come in duplicates, and titles carry "Country - CPV label - ".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matcher.records import Award, AwardNotice, Buyer, Commitment, Need, Part, Procedure, Text
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.dialogue import invites_to_dialogue
from matcher.sources.jsonfiles import read_json
from matcher.sources.values import (
    as_dict,
    as_list,
    cpv_of,
    languages_of,
    make_texts,
    text_of,
)
from matcher.sources.xml import country_of, date_of, number_of

ARRAYS = ("notices",)
FIELDS = (
    "publication-number", "publication-date", "notice-identifier", "notice-version",
    "notice-type", "form-type", "notice-title", "description-proc", "description-lot",
    "title-lot", "buyer-name", "organisation-identifier-buyer", "buyer-country",
    "classification-cpv", "identifier-lot", "deadline-receipt-tender-date-lot",
    "innovative-acquisition-lot", "place-of-performance", "estimated-value-proc",
    "estimated-value-cur-proc", "procedure-identifier", "winner-name", "winner-country",
    "winner-identifier", "links",
)  # fmt: skip
"""The fields to ask for; a request that names an unknown one is refused as a whole."""
_SET_ASIDE = {
    "result": "award notice",
    "dir-awa-pre": "direct award notice",
    "cont-modif": "contract modification notice",
    "completion": "contract completion notice",
    "bri": "business registration notice",
    "change": "change of another notice",
}
_PREFIX = re.compile(r"^[^–—-]{2,60}?\s+[–—-]\s+[^\n]{2,250}?\s+[–—-]\s+(?=\S)")


def read_ted_api(paths: list[Path]) -> Iterator[Item]:
    """Read saved answers of the search API.

    Yields:
        A need per notice of consultation, planning or competition; others set aside; refusals
        for what cannot be used; remarks on codes that are left out.
    """
    for found in read_json(paths, ARRAYS):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_ted_hit(found.value, found.file, found.place)


def read_ted_hit(hit: Any, file: str, place: str) -> Iterator[Item]:
    """Read one notice of an answer."""
    if not isinstance(hit, dict):
        yield Refusal(file, place, "", "not a JSON object", {"value": hit})
        return
    number = text_of(hit.get("publication-number"))
    notice = text_of(as_list(hit.get("notice-identifier"))[:1]) or number
    where = number or notice or place
    if not notice:
        yield Refusal(file, where, "publication-number", "the notice has no number", hit)
        return
    form = text_of(as_list(hit.get("form-type"))[:1])
    try:
        if form in _SET_ASIDE:
            won = form in ("result", "dir-awa-pre")
            yield SetAside(
                file, where, _SET_ASIDE[form], _award_notice(hit, notice) if won else None
            )
            return
        remarks: list[Remark] = []
        texts = _texts(hit)
        if not texts:
            yield Refusal(file, where, "notice-title", "neither title nor description", hit)
            return
        need = _need(hit, notice, number, form, texts, file, remarks)
    except ValidationError as error:
        first = error.errors()[0]
        yield Refusal(file, where, ".".join(map(str, first["loc"])), first["msg"], hit)
        return
    yield need
    yield from remarks


def _need(
    hit: dict[str, Any],
    notice: str,
    number: str,
    form: str,
    texts: tuple[Text, ...],
    file: str,
    remarks: list[Remark],
) -> Need:
    kind = text_of(as_list(hit.get("notice-type"))[:1])
    buyers = _buyers(hit, form, texts[0].lang)
    codes = as_list(hit.get("classification-cpv"))
    places = [p for p in map(text_of, as_list(hit.get("place-of-performance"))) if p]
    return Need(
        id=notice,
        texts=texts,
        country=next((b.country for b in buyers if b.country), ""),
        region=next((p for p in places if len(p) > 3 and p[2:].isalnum()), ""),
        cpv=cpv_of(codes, file, number, "classification-cpv", remarks),
        url=_link(hit, number),
        source="ted",
        source_id=number or notice,
        buyers=buyers,
        parts=_parts(hit, texts[0].lang),
        procedure=_procedure(kind, form, texts),
        notice_type=kind[:30],
        notice_version=text_of(as_list(hit.get("notice-version"))[:1])[:30],
        published=date_of(text_of(as_list(hit.get("publication-date"))[:1])),
        deadline=_last(hit.get("deadline-receipt-tender-date-lot")),
        value=number_of(text_of(as_list(hit.get("estimated-value-proc"))[:1])),
        currency=text_of(as_list(hit.get("estimated-value-cur-proc"))[:1])[:3],
        innovation=any(
            text_of(v) not in ("", "none") for v in as_list(hit.get("innovative-acquisition-lot"))
        ),
        procedure_id=text_of(as_list(hit.get("procedure-identifier"))[:1])[:200],
    )


def _texts(hit: dict[str, Any]) -> tuple[Text, ...]:
    titles = {
        k: _PREFIX.sub("", v) for k, v in languages_of(hit.get("notice-title"), "und").items()
    }
    bodies = languages_of(hit.get("description-proc"), "und") or languages_of(
        hit.get("description-lot"), "und"
    )
    # Titles are translated by machine into all languages; the description is in the notice's own.
    return make_texts(titles, bodies, next(iter(bodies), ""))


def _parts(hit: dict[str, Any], lang: str) -> tuple[Part, ...]:
    """Lots, with titles and descriptions where the answer holds as many as there are lots."""
    ids = [i for i in map(text_of, as_list(hit.get("identifier-lot"))) if i]
    ids = list(dict.fromkeys(ids))
    titles = _per_lot(hit.get("title-lot"), len(ids))
    bodies = _per_lot(hit.get("description-lot"), len(ids))
    parts = []
    for place, lot in enumerate(ids):
        texts = [
            Text(
                lang=code,
                title=titles.get(code, [""] * len(ids))[place],
                body=bodies.get(code, [""] * len(ids))[place],
            )
            for code in dict.fromkeys([*titles, *bodies])
        ]
        parts.append(Part(id=lot, texts=tuple(t for t in texts if t.title or t.body)))
    return tuple(parts)


def _per_lot(value: Any, count: int) -> dict[str, list[str]]:
    given = value if isinstance(value, dict) else {}
    lists = {code: [text_of(v) for v in as_list(held)] for code, held in given.items()}
    return {
        code: held
        for code, held in ((next(iter(languages_of({c: "x"}, ""))), h) for c, h in lists.items())
        if len(held) == count
    }


def _buyers(hit: dict[str, Any], form: str, lang: str) -> tuple[Buyer, ...]:
    held = as_dict(hit.get("buyer-name"))
    by_language = {next(iter(languages_of({c: "x"}, ""))): as_list(n) for c, n in held.items()}
    names = by_language.get(lang) or next(iter(by_language.values()), None)
    if names is None:
        names = as_list(hit.get("buyer-name"))
    numbers = as_list(hit.get("organisation-identifier-buyer"))
    countries = as_list(hit.get("buyer-country"))
    commitment = Commitment.COMMITS if form == "competition" else Commitment.DECLARES_INTENT
    names = [n for n in map(text_of, names) if n]
    # Numbers and countries are given once each, so they fit only where the counts agree.
    return tuple(
        Buyer(
            name=name,
            organisation_number=text_of(number) if len(numbers) == len(names) else "",
            country=country_of(
                text_of(country) if len(countries) == len(names) else text_of(countries[:1])
            ),
            commitment=commitment,
        )
        for name, number, country in list(zip_longest(names, numbers, countries))[: len(names)]
    )


def _procedure(kind: str, form: str, texts: tuple[Text, ...]) -> Procedure:
    if form == "consultation" or kind == "pmc":
        return Procedure.OPEN_DIALOGUE
    if form == "planning" and invites_to_dialogue(texts):
        return Procedure.OPEN_DIALOGUE
    return Procedure.OTHER


def _last(value: Any) -> date | None:
    dates = (date_of(text_of(v)) for v in as_list(value))
    return max((d for d in dates if d), default=None)


def _link(hit: dict[str, Any], number: str) -> str:
    return f"https://ted.europa.eu/en/notice/-/detail/{number}" if number else ""


def _award_notice(hit: dict[str, Any], notice: str) -> AwardNotice:
    names = languages_of(hit.get("winner-name"), "und")
    winners = next(iter(names.values()), "").split("\n") if names else []
    numbers = as_list(hit.get("winner-identifier"))
    countries = as_list(hit.get("winner-country"))
    texts = _texts(hit)
    return AwardNotice(
        id=notice,
        source="ted",
        title=texts[0].title if texts else "",
        procedure_id=text_of(as_list(hit.get("procedure-identifier"))[:1])[:200],
        published=date_of(text_of(as_list(hit.get("publication-date"))[:1])),
        buyers=_buyers(hit, "competition", texts[0].lang if texts else ""),
        cpv=cpv_of(as_list(hit.get("classification-cpv")), "", notice, "", []),
        awards=tuple(
            Award(
                name=name,
                organisation_number=text_of(numbers[place]) if len(numbers) == len(winners) else "",
                country=country_of(
                    text_of(countries[place]) if len(countries) == len(winners) else ""
                ),
            )
            for place, name in enumerate(winners)
        ),
    )
